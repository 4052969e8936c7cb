package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/checkup"
	"github.com/drainline/drainline/services/internal/natsd"
	"github.com/drainline/drainline/services/internal/topology"
)

const (
	// slowServer is a round trip that publishers feel.
	slowServer = 100 * time.Millisecond
	// comparing all streams takes this long at most.
	comparing = 10 * time.Second
)

// Services are three of the words of Options.As.
func Services() []string { return []string{"ingest", "transform", "shipper"} }

// Users are the words of Options.As.
func Users() []string { return append(Services(), bus.Operator) }

func examineBus(ctx context.Context, o Options) Section {
	s := Section{What: "bus at bus.url"}
	embedded := o.Config.Bus.URL == ""
	if embedded {
		s.What = "bus of drainline run in " + o.Config.Bus.Embedded.Dir
	}
	conn, err := o.Dial(ctx)
	switch {
	case embedded && errors.Is(err, natsd.ErrNobody):
		s.Findings = append(s.Findings, skipped("server", "no drainline run is at work on this directory, so that its streams cannot be looked at"))
		return s
	case err != nil:
		s.Findings = append(s.Findings, failed("server", err.Error(),
			"see that the NATS server is up with JetStream, and that bus.url, bus.nkey, bus.creds_file and bus.tls are right"))
		return s
	}
	defer conn.Close()
	s.Findings = append(s.Findings, examineServer(ctx, conn, o.Config))
	streams, there := compare(ctx, conn, o.Config, embedded)
	s.Findings = append(s.Findings, streams...)
	s.Findings = append(s.Findings, permissions(ctx, conn, o, there)...)
	return s
}

// The oldest servers that can do what is needed: pin consumers, and count ackIds.
const (
	pins   = "2.11.0"
	counts = "2.12.0"
)

func examineServer(ctx context.Context, conn *bus.Conn, c *config.Config) checkup.Finding {
	version, took, err := conn.Server(ctx)
	oldest := pins
	if topology.Acknowledges(c) {
		oldest = counts
	}
	switch found := fmt.Sprintf("NATS server %s answers in %v", version, took.Round(10*time.Microsecond)); {
	case err != nil:
		return failed("server", err.Error(), "see that the NATS server is well")
	case older(version, oldest):
		return failed("server", found, "upgrade it to "+oldest+" or later")
	case took > slowServer:
		return warning("server", found, "run Drainline near the server: each block waits for it")
	default:
		return good("server", found)
	}
}

// older reports whether a version is before another. Of a pre-release only the numbers count.
func older(version, than string) bool { return slices.Compare(numbers(version), numbers(than)) < 0 }

func numbers(version string) []int {
	version, _, _ = strings.Cut(version, "-")
	var n []int
	for part := range strings.SplitSeq(version, ".") {
		v, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		n = append(n, v)
	}
	return n
}

// compare says how streams and consumers differ from the plan, and whether all are there.
// Those of an embedded server have sizes that only it knows, and it sees to them itself.
func compare(ctx context.Context, conn *bus.Conn, c *config.Config, embedded bool) (findings []checkup.Finding, there bool) {
	ctx, cancel := context.WithTimeout(ctx, comparing)
	defer cancel()
	const check = "streams"
	plan := topology.New(c, 0)
	if embedded {
		holdings, err := plan.Holdings(ctx, conn)
		if err != nil {
			return []checkup.Finding{failed(check, err.Error(), "give the configuration that drainline run has, or restart that with this one")}, false
		}
		return []checkup.Finding{good(check, fmt.Sprintf("%d are there", len(holdings)))}, true
	}
	differences, err := plan.Compare(ctx, conn)
	if err != nil {
		return []checkup.Finding{failed(check, err.Error(),
			"let the NATS user publish to $JS.API.STREAM.INFO.> and $JS.API.CONSUMER.INFO.>, and see that JetStream is well")}, false
	}
	there = true
	for _, d := range differences {
		there = there && !d.Missing
		f, fix := warning, "run `drainline streams apply` with this configuration"
		switch {
		case d.Missing:
			f = failed
		case d.Immutable:
			fix = d.Repair()
		}
		findings = append(findings, f(check, d.String(), fix))
	}
	if findings == nil {
		findings = append(findings, good(check, fmt.Sprintf("%d are as the configuration says", len(plan.Streams))))
	}
	return findings, there
}

// permissions tries, without a trace, what services do on the bus. What is missing was said
// already unless there says that all is there.
func permissions(ctx context.Context, conn *bus.Conn, o Options, there bool) []checkup.Finding {
	var findings []checkup.Finding
	tries := 0
	said := func(err error, finding func(check, text, fix string) checkup.Finding) {
		switch {
		case errors.Is(err, bus.ErrNobody) && !there:
			return
		case err != nil:
			fix := "see that the NATS server and its streams are well"
			if errors.Is(err, bus.ErrDenied) {
				fix = "allow it in the permissions of the NATS user"
				if o.As == "" {
					fix += ", or name with --as the service whose user it is"
				}
			}
			findings = append(findings, finding("permissions", err.Error(), fix))
		}
		tries++
	}
	note := func(err error) { said(err, failed) }
	// Events flow without what only shows, and records, how they do.
	extra := func(err error) { said(err, warning) }
	names, c := conn.Names(), o.Config
	does := func(service string) bool { return o.As == "" || o.As == service }
	for _, shard := range shards(c) {
		if does("ingest") {
			note(conn.TryPublish(ctx, names.RawSubject(shard)))
		}
		if does("transform") {
			note(conn.TryConsume(ctx, names.RawStream(shard), wire.TransformConsumer))
		}
	}
	for _, d := range topology.Destinations(c) {
		if does("transform") {
			note(conn.TryPublish(ctx, names.EventsSubject(d)))
		}
		if does("shipper") {
			note(conn.TryConsume(ctx, names.EventsStream(d), wire.ShipperConsumer))
		}
	}
	acknowledges := topology.Acknowledges(c)
	if does("ingest") {
		note(conn.TrySubscribe(ctx, names.SeenSubject()))
		if acknowledges {
			note(conn.TryPublish(ctx, names.AckIDSubject(wire.RandomID())))
		}
	}
	for _, service := range Services() {
		if !does(service) {
			continue
		}
		note(conn.TryPublish(ctx, names.DeadSubject(service, "doctor")))
		note(conn.TryPublish(ctx, names.LedgerSubject(time.Now(), service, "doctor", 0)))
		if service != "ingest" {
			note(conn.TryPublish(ctx, names.SuspectSubject(service, wire.RandomID())))
			if acknowledges {
				note(conn.TryPublish(ctx, names.AckSubject(service)))
			}
		}
	}
	extra(conn.TryPublish(ctx, names.AuditSubject()))
	if o.As == bus.Operator {
		commands(ctx, conn, c, note)
	} else {
		for _, subject := range []string{names.StatusSubject(), "$SRV.PING"} {
			extra(conn.TrySubscribe(ctx, subject))
		}
	}
	if findings == nil && tries > 0 {
		findings = append(findings, good("permissions", fmt.Sprintf("%d subjects and consumers may be used", tries)))
	}
	return findings
}

// commands tries what watching and replaying take.
func commands(ctx context.Context, conn *bus.Conn, c *config.Config, note func(error)) {
	names := conn.Names()
	for _, subject := range []string{names.RawSubjects(), names.EventsSubjects(), names.DeadSubjects()} {
		note(conn.TrySubscribe(ctx, subject))
	}
	for _, shard := range shards(c) {
		note(conn.TryPublish(ctx, names.RawSubject(shard)))
	}
	for _, d := range topology.Destinations(c) {
		note(conn.TryPublish(ctx, names.EventsSubject(d)))
	}
	note(conn.TryPublish(ctx, names.LedgerSubject(time.Now(), bus.Operator, "doctor", 0)))
}

func shards(c *config.Config) []string {
	all := make([]string, 0, topology.Shards(c)+topology.OrderedShards(c))
	for n := range topology.Shards(c) {
		all = append(all, wire.Shard(n))
	}
	for n := range topology.OrderedShards(c) {
		all = append(all, wire.OrderedShard(n))
	}
	return all
}
