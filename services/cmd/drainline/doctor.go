package main

import "github.com/spf13/cobra"

func doctorCommand() *cobra.Command {
	return &cobra.Command{Use: "doctor", Short: "Check everything that Drainline needs, and say how to mend it", Hidden: true}
}
