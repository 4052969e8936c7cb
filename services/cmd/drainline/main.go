// Drainline carries Heroku logs to Splunk and loses none of them.
package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/inspector"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/shipper"
	"github.com/drainline/drainline/services/transform"
)

func main() { app.Main(rootCommand()) }

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "drainline",
		Short: "Carry Heroku logs to Splunk and lose none of them",
		Long: `Drainline carries Heroku logs (Logplex drains) to Splunk's HTTP Event Collector
through NATS JetStream. "drainline demo" shows it at work; "drainline run" is
everything in one process; ingest, transform and shipper run apart on a NATS server.`,
	}
	root.AddCommand(
		runCommand(), demoCommand(),
		ingest.Command(), transform.Command(), shipper.Command(), inspector.Command(),
		statusCommand(), topCommand(), tapCommand(), deadCommand(), ledgerCommand(), doctorCommand(), streamsCommand(), keysCommand(), auditCommand(),
		sendCommand(), testCommand(), configCommand(), drainsCommand(), completionCommand(), versionCommand(),
	)
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs, Example: "  drainline version",
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), app.DescribeBuild()) },
	}
}
