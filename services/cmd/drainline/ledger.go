package main

import "github.com/spf13/cobra"

func ledgerCommand() *cobra.Command {
	return &cobra.Command{Use: "ledger", Short: "Print the books: what became of every event", Hidden: true}
}
