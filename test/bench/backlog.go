package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// bus is a NATS server at work.
type bus struct {
	process *exec.Cmd
	url     string
	monitor string // where it answers what there is
}

// startBus starts a NATS server on what a folder has.
func (p programs) startBus(ctx context.Context, dir string) (*bus, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	monitor, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nats.conf")
	content := fmt.Appendf(nil, "listen: %q\nhttp: %q\njetstream {store_dir: %q, max_file_store: 1TB}\n", address, monitor, dir)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return nil, err
	}
	b := &bus{process: exec.CommandContext(ctx, p.nats, "-c", file), url: "nats://" + address, monitor: "http://" + monitor}
	if err := b.process.Start(); err != nil {
		return nil, err
	}
	if err := b.await(ctx, "/healthz", func([]byte) (bool, error) { return true, nil }); err != nil {
		stop(b.process)
		return nil, err
	}
	return b, nil
}

// await asks the server until the answer is the one that is wanted.
func (b *bus) await(ctx context.Context, path string, wanted func(answer []byte) (bool, error)) error {
	for {
		answer, err := get(ctx, b.monitor+path)
		if err == nil {
			var yes bool
			if yes, err = wanted(answer); yes {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nats-server: %w", errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// awaitEmpty waits until a stream holds nothing.
func (b *bus) awaitEmpty(ctx context.Context, stream string) error {
	return b.await(ctx, streamsPath, func(answer []byte) (bool, error) {
		streams, err := parseStreams(answer)
		if err != nil {
			return false, err
		}
		state, ok := streams[stream]
		if !ok {
			return false, fmt.Errorf("no stream %s", stream)
		}
		return state.Messages == 0, nil
	})
}

// streamsPath is where a NATS server's monitoring tells what streams hold.
const streamsPath = "/jsz?streams=true"

// streamState is what a stream holds.
type streamState struct {
	Messages uint64    `json:"messages"`
	First    time.Time `json:"first_ts"`
}

func parseStreams(answer []byte) (map[string]streamState, error) {
	var jetstream struct {
		Accounts []struct {
			Streams []struct {
				Name  string      `json:"name"`
				State streamState `json:"state"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := json.Unmarshal(answer, &jetstream); err != nil {
		return nil, err
	}
	streams := map[string]streamState{}
	for _, account := range jetstream.Accounts {
		for _, s := range account.Streams {
			streams[s.Name] = s.State
		}
	}
	return streams, nil
}

// fill stores events in a folder as ingest and transform make them of the player's
// messages, and tells how many. With one drain, a message on the bus has as many
// events as a request has frames.
func (p programs) fill(ctx context.Context, dir string, drains, frames int, count int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b, err := p.startBus(ctx, dir)
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
	return sent.accepted, b.awaitEmpty(ctx, "drainline_raw_s0")
}
