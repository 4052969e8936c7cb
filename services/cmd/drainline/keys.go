package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/services/cmd/drainline/internal/keys"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/topology"
)

func keysCommand() *cobra.Command {
	var (
		certificates bool
		hosts        []string
	)
	cmd := &cobra.Command{
		Use:   "keys DIR",
		Short: "Make the keys of NATS users, one for each service",
		Long: `Make the keys of the users that a NATS server knows, in a folder: ingest.nk, transform.nk,
shipper.nk, admin.nk (for "drainline streams apply"), operator.nk (for all other commands) and
backup.nk (for "nats backup") have the secret seeds, which bus.nkey_file names, and keys.conf has the public keys, for the
server. What each of them may do "drainline streams permissions" prints.

With --certificates it also makes an authority and a certificate for NATS servers, to try
TLS with: ca.pem (bus.tls.ca_file), server.pem and server-key.pem. They are good for a year,
and the authority's own key is thrown away.

What is in the folder already is never overwritten.`,
		Example: "  drainline keys /etc/nats/keys\n  drainline keys ./keys --certificates --host nats-1 --host nats-2 --host nats-3",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if hosts != nil && !certificates {
				return &app.UsageError{Err: errors.New("--host is for --certificates: give that, too")}
			}
			made, err := keys.Make(args[0], topology.UserNames())
			if err == nil && certificates {
				var more []string
				more, err = keys.MakeCertificates(args[0], hosts)
				made = append(made, more...)
			}
			for _, name := range made {
				fmt.Fprintln(cmd.OutOrStdout(), "made "+name)
			}
			if err == nil && made == nil {
				fmt.Fprintln(cmd.OutOrStdout(), "Everything is there already.")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&certificates, "certificates", false, "make certificates for NATS servers, too")
	cmd.Flags().StringArrayVar(&hosts, "host", nil, "`name` or address of a NATS server, beside this machine; repeat it for several")
	return cmd
}
