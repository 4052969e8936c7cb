package main

import "github.com/spf13/cobra"

func streamsCommand() *cobra.Command {
	return &cobra.Command{Use: "streams", Short: "Compare the bus with the configuration, and apply that", Hidden: true}
}
