package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/internal/app"
)

// addOutput declares -o.
func addOutput(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "", "print `json`")
}

// checkOutput refuses what -o does not know.
func checkOutput(output string) error {
	if output != "" && output != outputJSON {
		return &app.UsageError{Err: fmt.Errorf("-o %s: want json, or nothing for people", output)}
	}
	return nil
}

const outputJSON = "json"
