package e2e

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/drainline/drainline/test/internal/port"
)

// startCluster starts three NATS servers that sync every write, and returns their URLs.
func startCluster(t *testing.T) string {
	t.Helper()
	const servers = 3
	routes, urls := make([]string, servers), make([]string, servers)
	for n := range routes {
		routes[n] = port.Free(t)
	}
	for n := range urls {
		_, urls[n] = startNATS(t, fmt.Sprintf("server_name: n%d\ncluster {name: c, listen: %q, routes: [\"nats://%s\"]}",
			n, routes[n], strings.Join(routes, `", "nats://`)))
	}
	url := strings.Join(urls, ",")
	b := lookAt(t, url)
	eventually(t, "the cluster has a leader", func() bool {
		_, err := b.js.AccountInfo(t.Context())
		return err == nil
	})
	return url
}

// topology is what of a configuration decides about the streams.
type topology struct {
	replicas, shards int
	room             string            // of raw, and of each destination
	destinations     map[string]string // URLs by name
}

func (w topology) yaml(bus string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "bus: {url: %q, replicas: %d, raw: {max_bytes: %s, shards: %d}, dead: {max_bytes: %s}}\ndestinations:\n",
		bus, w.replicas, w.room, w.shards, w.room)
	for name, url := range w.destinations {
		fmt.Fprintf(&b, "  %s: {urls: [%q], token: %s, max_bytes: %s}\n", name, url, splunkToken, w.room)
	}
	return b.String()
}

// installation is services on a cluster, with a configuration in a file that they share.
type installation struct {
	t         *testing.T
	bus, file string
	watch     *bus
	splunk    *splunkProcess
	url       string // of the drain
	processes map[string]*process
	accepted  ledger
}

// apply applies a file before it is given to the services, as an operator does: they would
// make the streams that are new at the same time.
func (s *installation) apply(w topology) (said string) {
	s.t.Helper()
	next := filepath.Join(filepath.Dir(s.file), "next.yaml")
	replaceFile(s.t, next, w.yaml(s.bus))
	p := command{program: "drainline", args: []string{"streams", "apply", "--config", next}}.start(s.t)
	if code := p.exit(); code != 0 {
		s.t.Fatalf("streams apply ended with %d: %s%s", code, &p.stdout, &p.stderr)
	}
	replaceFile(s.t, s.file, w.yaml(s.bus))
	p = command{program: "drainline", args: []string{"streams", "show", "--config", s.file}}.start(s.t)
	if code := p.exit(); code != 0 || !strings.Contains(p.stdout.String(), "The streams are as the configuration says.") {
		s.t.Errorf("after apply show ended with %d: %s", code, &p.stdout)
	}
	return p.stdout.String()
}

// under does something while drains send, which they begin before and end after it, and
// returns what they sent.
func (s *installation) under(do func()) ledger {
	s.t.Helper()
	// So many that each of three shards gets some, and no more a second than three servers
	// that sync can take beside the other tests.
	const drains, rate = 24, 240
	load := send(s.t, s.url, "--drains", strconv.Itoa(drains), "--frames", "10", "--rate", strconv.Itoa(rate), "--no-loss-reports")
	sent := func() map[string]int { // by each drain
		by := map[string]int{}
		for id := range readLedger(s.t, load.ledger) {
			if drain, _, whole := strings.Cut(id, "-"); whole { // the last may still be written
				by[drain]++
			}
		}
		return by
	}
	eventually(s.t, "something is accepted of each drain", func() bool { return lines(load.ledger) > 0 && len(sent()) >= drains })
	do()
	// A drain that was refused comes again after up to five seconds.
	before := sent()
	eventually(s.t, "more is accepted of each drain", func() bool {
		now := sent()
		for drain, n := range before {
			if now[drain] <= n {
				return false
			}
		}
		return true
	})
	load.signal(syscall.SIGTERM)
	accepted := load.accepted()
	for id, n := range accepted {
		s.accepted[id] += n
	}
	return accepted
}

func (s *installation) restart(names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.processes[name].stop()
		s.processes[name] = s.processes[name].again().ready()
	}
}

// used waits until something has been in each of the streams.
func (s *installation) used(streams ...string) {
	s.t.Helper()
	for _, name := range streams {
		eventually(s.t, name+" is used", func() bool {
			stream, err := s.watch.js.Stream(s.t.Context(), name)
			return err == nil && stream.CachedInfo().State.LastSeq > 0
		})
	}
}

// drained waits until no stream that a service takes from holds anything.
func (s *installation) drained(streams ...string) {
	s.t.Helper()
	for _, name := range streams {
		eventually(s.t, name+" is empty", func() bool {
			stream, err := s.watch.js.Stream(s.t.Context(), name)
			return err == nil && stream.CachedInfo().State.Msgs == 0
		})
	}
}

// The streams of services at work are changed in every way that `streams apply` has, and
// nothing that was accepted meanwhile is lost.
func TestApplyOnALiveTopology(t *testing.T) {
	t.Parallel()
	// Whoever leads a stream changes with its replicas, and an answer may be lost then.
	const duplicates = 1000
	s := &installation{
		t: t, bus: startCluster(t), file: filepath.Join(t.TempDir(), "drainline.yaml"), splunk: startSplunk(t),
		processes: map[string]*process{}, accepted: ledger{},
	}
	s.watch = lookAt(t, s.bus)
	second := startSplunk(t)
	now := topology{replicas: 1, shards: 1, room: "64MiB", destinations: map[string]string{"splunk": s.splunk.url}}
	s.apply(now)
	listen := port.Free(t)
	for _, name := range []string{"shipper", "transform", "ingest"} {
		c := service(t, name)
		c.args = append(c.args, "--config", s.file, "--set", "ingest.logplex.listen="+listen)
		if name == "ingest" { // a stream that gets replicas takes nothing for some seconds
			c.args = append(c.args, "--set", "ingest.spool.dir="+t.TempDir(), "--set", "ingest.spool.max_bytes=1GiB")
		}
		s.processes[name] = c.start(t).ready()
	}
	s.url = s.processes["ingest"].drainURL(secret)
	now.room = "256MiB"
	s.under(func() { s.apply(now) })
	now.room = "16MiB"
	s.under(func() { s.apply(now) })

	now.replicas = 3
	s.under(func() { s.apply(now) })
	s.under(func() { s.restart("shipper", "transform", "ingest") })

	now.shards = 3
	s.under(func() {
		s.apply(now)
		s.restart("shipper", "transform", "ingest")
		s.used("drainline_raw_s1", "drainline_raw_s2")
	})

	now.destinations["second"] = second.url
	s.under(func() {
		s.apply(now)
		s.used("drainline_events_second") // services take it by themselves
	})

	now.shards = 1
	s.under(func() {
		said := s.apply(now)
		for _, shard := range []string{"drainline_raw_s1", "drainline_raw_s2"} {
			if !strings.Contains(said, shard+" is not in the configuration") {
				t.Errorf("%s is no orphan: %s", shard, said)
			}
		}
		s.restart("ingest")
		s.drained("drainline_raw_s1", "drainline_raw_s2")
		s.restart("shipper", "transform")
	})

	before := len(s.accepted)
	last := s.under(func() {})
	s.drained("drainline_raw_s0", "drainline_raw_o0", "drainline_events_splunk", "drainline_events_second")
	t.Logf("%d were accepted while the streams changed", before)
	books(t, s.accepted, s.splunk.indexed(), duplicates)
	books(t, last, second.indexed(), duplicates)
	if letters := s.watch.dead(); len(letters) > 0 {
		t.Errorf("dead letters: %v", letters)
	}
}
