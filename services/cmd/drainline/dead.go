package main

import "github.com/spf13/cobra"

func deadCommand() *cobra.Command {
	return &cobra.Command{Use: "dead", Short: "List, show, replay and purge dead letters", Hidden: true}
}
