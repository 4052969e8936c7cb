package main

import "github.com/spf13/cobra"

func topCommand() *cobra.Command {
	return &cobra.Command{Use: "top", Short: "Watch what flows, by app", Hidden: true}
}
