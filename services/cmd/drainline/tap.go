package main

import "github.com/spf13/cobra"

func tapCommand() *cobra.Command {
	return &cobra.Command{Use: "tap", Short: "Show events as they pass a stage", Hidden: true}
}
