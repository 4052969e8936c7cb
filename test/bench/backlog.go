package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// backlog is a NATS server at work.
type backlog struct {
	process *exec.Cmd
	url     string
}

// startNATS starts a NATS server on what a folder has.
func (p programs) startNATS(ctx context.Context, dir string) (*backlog, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nats.conf")
	// Nobody sends while shippers are measured, so it may be quick to store.
	if err := os.WriteFile(file, fmt.Appendf(nil, "listen: %q\njetstream {store_dir: %q}\n", address, dir), 0o600); err != nil {
		return nil, err
	}
	b := &backlog{process: exec.CommandContext(ctx, p.nats, "-c", file), url: "nats://" + address}
	if err := b.process.Start(); err != nil {
		return nil, err
	}
	if err := b.await(ctx, func(_ context.Context, js jetstream.JetStream) (bool, error) {
		_, err := js.AccountInfo(ctx)
		return true, err
	}); err != nil {
		stop(b.process)
		return nil, fmt.Errorf("nats-server: %w", err)
	}
	return b, nil
}

// await asks the server until it says yes. What fails is asked again.
func (b *backlog) await(ctx context.Context, ask func(context.Context, jetstream.JetStream) (bool, error)) error {
	conn, err := nats.Connect(b.url, nats.RetryOnFailedConnect(true), nats.ReconnectWait(20*time.Millisecond), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	for {
		yes, err := ask(ctx, js)
		if yes && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// fill stores events in a folder as ingest and transform make them of the player's
// messages, and tells how many. With one drain, a message on the bus has as many
// events as a request has frames.
func (p programs) fill(ctx context.Context, dir string, drains, frames int, count int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b, err := p.startNATS(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer stop(b.process)
	var addresses [3]string // of the door and of each one's admin
	for i := range addresses {
		if addresses[i], err = freeAddress(ctx); err != nil {
			return 0, err
		}
	}
	for i, name := range []string{"transform", "ingest"} {
		process, err := startDrainline(ctx, p.drainline, name, "http://127.0.0.1:1", addresses[i],
			"bus.url="+b.url, "admin.listen="+addresses[i], "ingest.logplex.listen="+addresses[2])
		if err != nil {
			return 0, err
		}
		defer stop(process)
	}
	sent, err := p.send(ctx, addresses[2], "--drains", strconv.Itoa(drains), "--frames", strconv.Itoa(frames),
		"--count", strconv.FormatInt(count, 10))
	if err != nil {
		return 0, err
	}
	// A block leaves the raw stream once what became of it is stored.
	err = b.await(ctx, func(ctx context.Context, js jetstream.JetStream) (bool, error) {
		raw, err := js.Stream(ctx, "drainline_raw_s0")
		if err != nil {
			return false, err
		}
		return raw.CachedInfo().State.Msgs == 0, nil
	})
	return sent.accepted, err
}
