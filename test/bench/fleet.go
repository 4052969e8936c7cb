package main

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
)

// leaving is how long an ingest that is told to stop goes on serving: until the balancer
// has seen several times over that it is not ready any more.
const leaving = 10 * probing

// services are what is scaled, in the order in which an event meets them.
var services = []string{"ingest", "transform", "shipper"}

// fleet is some of each service on a NATS cluster, behind a load balancer and before
// Splunk's simulator.
type fleet struct {
	binary    string
	cluster   *cluster
	balancer  *balancer
	simulator string // its URL

	mu      sync.Mutex
	running map[string][]*exec.Cmd
}

// grow starts one more of each service, and returns when the balancer sends to the new door.
func (f *fleet) grow(ctx context.Context) error {
	for _, service := range services {
		admin, err := freeAddress(ctx)
		if err != nil {
			return err
		}
		settings := append(f.cluster.settings(service), "admin.listen="+admin)
		if service == "ingest" {
			door, err := freeAddress(ctx)
			if err != nil {
				return err
			}
			settings = append(settings, "ingest.logplex.listen="+door, "ingest.behind_proxy=true", "ingest.shutdown_delay="+leaving.String())
			f.balancer.add(admin, door)
		}
		process, err := startDrainline(ctx, f.binary, service, f.simulator, admin, settings...)
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.running[service] = append(f.running[service], process)
		f.mu.Unlock()
	}
	return f.balancer.await(ctx, f.size("ingest"))
}

// shrink has the first of each service leave, as an orchestrator would. It has to go in peace.
func (f *fleet) shrink(context.Context) error {
	for _, service := range services {
		f.mu.Lock()
		first := f.running[service][0]
		f.running[service] = f.running[service][1:]
		f.mu.Unlock()
		if err := end(first); err != nil {
			return fmt.Errorf("%s did not stop well: %w", service, err)
		}
	}
	return nil
}

// size is how many of a service there are.
func (f *fleet) size(service string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.running[service])
}

// stop ends all that run.
func (f *fleet) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, service := range services {
		for _, process := range f.running[service] {
			stop(process)
		}
	}
}
