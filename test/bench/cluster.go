package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// carrying are the streams through which events go.
var carrying = []string{"drainline_raw_s0", "drainline_raw_o0", "drainline_events_splunk"}

// What trial.sh makes of its lowest port: servers listen at it and those after it for
// clients, and as far above it for routes and for monitoring.
const (
	servers    = 3
	routes     = 2000
	monitoring = 4000
)

// cluster is three NATS servers as deploy/nats has them.
type cluster struct {
	script   *exec.Cmd
	said     bytes.Buffer // by the script
	url      string
	monitors []string // their URLs
	keys     string   // the folder
}

// startCluster starts the servers with the script of deploy/nats, and makes the streams.
func (p programs) startCluster(ctx context.Context, dir string) (c *cluster, err error) {
	port, err := freePorts(ctx)
	if err != nil {
		return nil, err
	}
	script, err := filepath.Abs("../deploy/nats/trial.sh")
	if err != nil {
		return nil, err
	}
	var urls, monitors []string
	for n := range servers {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", port+n))
		monitors = append(monitors, fmt.Sprintf("http://127.0.0.1:%d", port+monitoring+n))
	}
	c = &cluster{
		url: strings.Join(urls, ","), monitors: monitors, keys: filepath.Join(dir, "keys"),
		script: exec.CommandContext(ctx, script, dir),
	}
	c.script.Env = append(os.Environ(), "PATH="+filepath.Dir(p.drainline)+":"+os.Getenv("PATH"), "NATS_TRIAL_PORT="+strconv.Itoa(port))
	c.script.Stdout, c.script.Stderr = &c.said, &c.said
	if err := c.script.Start(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.stop()
			err = fmt.Errorf("the cluster: %w: %s", err, c.said.String())
		}
	}()
	return c, c.apply(ctx, p.drainline)
}

// apply makes the streams, as soon as the servers have found each other.
func (c *cluster) apply(ctx context.Context, drainline string) error {
	args := []string{"streams", "apply"}
	for _, s := range c.settings("admin") {
		args = append(args, "--set", s)
	}
	for {
		cmd := exec.CommandContext(ctx, drainline, args...)
		cmd.Env = environment("http://127.0.0.1:1")
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		if stopped := pause(ctx, time.Second/2); stopped != nil {
			return fmt.Errorf("drainline streams apply: %w: %s", errors.Join(stopped, err), out)
		}
	}
}

// settings are those of a user's program.
func (c *cluster) settings(user string) []string {
	return []string{
		"bus.url=" + c.url, "bus.replicas=3",
		"bus.nkey_file=" + filepath.Join(c.keys, user+".nk"), "bus.tls.ca_file=" + filepath.Join(c.keys, "ca.pem"),
	}
}

// waiting tells how many messages are on their way, and for how long the oldest has been.
// Of each stream that server counts which knows of most: others may be behind.
func (c *cluster) waiting(ctx context.Context) (messages uint64, oldest time.Duration, err error) {
	most := map[string]streamState{}
	for _, monitor := range c.monitors {
		answer, err := get(ctx, monitor+streamsPath)
		if err != nil {
			return 0, 0, err
		}
		streams, err := parseStreams(answer)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", monitor, err)
		}
		for name, state := range streams {
			if state.Messages > most[name].Messages {
				most[name] = state
			}
		}
	}
	for _, name := range carrying {
		if state := most[name]; state.Messages > 0 {
			messages, oldest = messages+state.Messages, max(oldest, time.Since(state.First))
		}
	}
	return messages, oldest, nil
}

// awaitEmpty waits until nothing is on its way. It asks in the order in which events move.
func (c *cluster) awaitEmpty(ctx context.Context) error {
	for {
		messages, _, err := c.waiting(ctx)
		if err != nil || messages == 0 {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("%d messages are still on their way: %w", messages, err)
		}
	}
}

// stop ends the script, which ends the servers.
func (c *cluster) stop() { stop(c.script) }

// freePorts finds the lowest port of a cluster.
func freePorts(ctx context.Context) (int, error) {
	const lowest, most, tries = 10_000, 15_000, 100
	var listens net.ListenConfig
	for range tries {
		port, free := lowest+rand.N(most), true
		for n := range servers {
			for _, offset := range []int{0, routes, monitoring} {
				l, err := listens.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port+offset+n))
				if free = free && err == nil; err == nil {
					err = l.Close()
				}
				if err != nil {
					free = false
				}
			}
		}
		if free {
			return port, nil
		}
	}
	return 0, errors.New("no ports are free for a cluster")
}
