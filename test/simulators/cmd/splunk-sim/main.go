// Splunk-sim is a strict Splunk HTTP Event Collector, or a cluster of them, that counts what it indexes.
//
// Its first line on standard output is "listening on http://ADDRESS". It ends on SIGINT or SIGTERM, after the requests in flight.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

const (
	readHeaderTimeout = 10 * time.Second
	// net/http takes a connection that never sent anything for idle after five
	// seconds; clients open some in reserve.
	shutdownTimeout = 15 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "splunk-sim:", err)
		os.Exit(1)
	}
}

// errUsage stands for wrong flags, which package flag has already explained.
var errUsage = errors.New("usage")

// settings are the flags.
type settings struct {
	listen, token, ledger, sticky string
	stats, ack                    bool
	cluster                       int
	options                       splunk.Options
}

func parse(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("splunk-sim", flag.ContinueOnError)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "listen on this `address`")
	flags.StringVar(&s.token, "token", "11111111-1111-1111-1111-111111111111", "accept this `token`, for any index")
	flags.StringVar(&s.ledger, "ledger", "", "append the id of each event with id=<id> in its text to this `file`, one a line")
	flags.BoolVar(&s.stats, "stats", false, "answer GET /_sim/stats with totals in JSON")
	flags.BoolVar(&s.options.Fast, "fast", false, "count envelopes without decoding them: nothing inside them is checked, latency is "+
		"that of one event in 64, and ids are looked for only with -ledger")
	flags.DurationVar(&s.options.Work, "delay", 0, "answer requests with events after this `time`")
	flags.BoolVar(&s.ack, "ack", false, "the token uses indexer acknowledgement")
	flags.DurationVar(&s.options.Acks.Delay, "ack-delay", 0, "acknowledge requests this `time` after their success")
	flags.IntVar(&s.options.Capacity, "capacity", 0, "be busy beyond this `number` of requests at a time; 0 for no bound")
	flags.BoolVar(&s.options.Backpressure, "backpressure", false, "warn with 200/24 above 80 % of -capacity, and say 429/26 beyond it")
	flags.IntVar(&s.cluster, "cluster", 1, "be this `number` of indexers behind a load balancer")
	flags.StringVar(&s.sticky, "sticky", "none", "the load balancer goes by `cookie|connection|none`")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return settings{}, errUsage
	}
	if _, ok := stickiness[s.sticky]; !ok || s.cluster < 1 {
		flags.Usage()
		return settings{}, errUsage
	}
	return s, nil
}

var stickiness = map[string]splunk.Stickiness{
	"none":       splunk.NotSticky,
	"cookie":     splunk.StickyCookie,
	"connection": splunk.StickyConnection,
}

// A simulator is one Splunk or a cluster.
type simulator interface {
	http.Handler
	Stats() splunk.Stats
}

func (s settings) simulator() simulator {
	if s.cluster == 1 {
		return splunk.New(s.options)
	}
	return splunk.NewCluster(s.cluster, stickiness[s.sticky], s.options)
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags, err := parse(args)
	if err != nil {
		return err
	}
	flags.options.Tokens = map[string]splunk.Token{flags.token: {UseACK: flags.ack}}
	if flags.ledger != "" {
		file, openErr := openLedger(flags.ledger)
		if openErr != nil {
			return openErr
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		flags.options.Ledger = file
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", flags.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if _, err := fmt.Fprintf(out, "listening on http://%s\n", listener.Addr()); err != nil {
		return errors.Join(fmt.Errorf("print the address: %w", err), listener.Close())
	}
	return serve(ctx, listener, handler(flags.simulator(), flags.stats))
}

// serve serves until ctx ends, then finishes the requests in flight.
func serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: readHeaderTimeout}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return fmt.Errorf("requests still in flight after %v: %w", shutdownTimeout, err)
	}
	return nil
}

// handler is the simulator, with its totals beside it if they are wanted.
func handler(sim simulator, stats bool) http.Handler {
	if !stats {
		return sim
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/_sim/stats" {
			sim.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(sim.Stats()) // fails only when the client is gone
	})
}
