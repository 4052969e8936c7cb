package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/natsd"
)

// loadBus loads the configuration of a command that needs no secret but those that
// dialBus uses.
func loadBus(flags *app.Flags) (*config.Config, error) {
	loader, err := flags.Loader()
	if err != nil {
		return nil, err
	}
	loader.Uses = app.WithBus()
	return loaded(loader)
}

// dialBus connects an operator's command to the bus of a configuration: at bus.url, or
// the one inside the `drainline run` that has bus.embedded.dir. Close it.
func dialBus(ctx context.Context, c *config.Config) (*bus.Conn, error) {
	return dialBusAs(ctx, c, bus.Operator)
}

// dialBusAs is dialBus with the inbox of a service, which its NATS user may be bound to.
func dialBusAs(ctx context.Context, c *config.Config, name string) (*bus.Conn, error) {
	o := bus.Options{
		URL: c.Bus.URL, Name: name, Names: wire.Names{Prefix: c.Bus.Prefix}, CredsFile: c.Bus.CredsFile, Seed: c.Bus.Seed,
		ConnectTimeout: c.Bus.ConnectTimeout, Log: slog.New(slog.DiscardHandler),
	}
	if c.Bus.URL == "" {
		socket := natsd.Socket{Dir: c.Bus.Embedded.Dir}
		// nats.go would go on trying for as long as connect_timeout says.
		probe, err := socket.InProcessConn()
		if err != nil {
			return nil, unreachable(err)
		}
		_ = probe.Close() // it was a question
		o.InProcess = socket
	} else if c.Bus.TLS != (config.ClientTLS{MinVersion: c.Bus.TLS.MinVersion}) { // which has a default
		t, err := c.Bus.TLS.Load()
		if err != nil {
			return nil, fmt.Errorf("bus.%w", err)
		}
		o.TLS = t
	}
	return bus.Connect(ctx, o)
}

func unreachable(err error) error {
	if errors.Is(err, natsd.ErrNobody) {
		return fmt.Errorf("%w: start `drainline run`, give its --config or --set bus.embedded.dir=FOLDER, or set bus.url to a NATS server", err)
	}
	return err
}
