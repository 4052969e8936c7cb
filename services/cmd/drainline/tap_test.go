package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/cmd/drainline/internal/view"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
)

func frame(text string) string {
	line := "<45>1 2026-11-23T16:00:00.5+00:00 host heroku router - " + text
	return fmt.Sprintf("%d %s", len(line), line)
}

// publishAll publishes what tap is to see: for each of two apps a block with two lines and
// something that is no frame, a batch and a dead letter.
func (i *installation) publishAll() {
	i.t.Helper()
	for _, name := range []string{"shop", "blog"} {
		block := blockOf(name, frame("method=GET path=/a status=200"), frame("method=GET path=/b status=503 \x1b[2J"), "9 <45>1 bad")
		message, err := proto.Marshal(block)
		if err != nil {
			i.t.Fatal(err)
		}
		batch := encoded(batchOf("splunk", name))
		for subject, payload := range map[string][]byte{
			i.conn.Names().RawSubject("s0"): wire.Seal(nil, message), i.conn.Names().EventsSubject("splunk"): wire.Seal(nil, batch),
		} {
			if err := i.conn.Publish(i.t.Context(), bus.Msg{ID: wire.RandomID(), Subject: subject, Payload: payload}); err != nil {
				i.t.Fatal(err)
			}
		}
		i.die(name)
	}
}

// die stores a dead letter of the shipper with an event of each app.
func (i *installation) die(apps ...string) *drainlinev1.DeadBlock {
	i.t.Helper()
	id := wire.RandomID()
	letter := &drainlinev1.DeadBlock{
		Id: id[:], Stage: wire.StageShipper, Reason: "hec_7", Sentence: "Splunk says: Incorrect index \x1b[2J", Destination: "splunk",
		Content: drainlinev1.Content_CONTENT_EVENT_BATCH, Original: encoded(batchOf("splunk", apps...)), Attempts: 1, ReceivedNs: 2e18,
		Trace: &drainlinev1.Trace{Traceparent: testTraceparent}, Subject: i.conn.Names().EventsSubject("splunk"),
	}
	if err := i.conn.Dead(i.t.Context(), letter); err != nil {
		i.t.Fatal(err)
	}
	return letter
}

func TestTap(t *testing.T) {
	i := install(t)
	for _, c := range []struct {
		name string
		args []string
		want []string // of each line, in order
	}{
		{"raw", []string{"raw", "--app", "shop", "--limit", "3"}, []string{"path=/a", "path=/b", "9 <45>1 bad"}},
		{"what is no event", []string{"raw", "--grep", "bad", "--limit", "2"}, []string{"shop trace=0af7651916cd43dd8448eb211c80319c | 9 <45>1 bad", "blog"}},
		{"events", []string{"events", "--limit", "2"}, []string{
			"01:46:40.000 shop web.1 router H12 > splunk index=main trace=0af7651916cd43dd8448eb211c80319c | method=GET path=/shop status=503  [2J", "blog",
		}},
		{"events of an app", []string{"events", "--app", "blog", "--limit", "1"}, []string{"path=/blog"}},
		{"events by a condition", []string{"events", "--when", `fields.status >= 500 && app == "blog" && code == "H12"`, "--limit", "1"}, []string{"path=/blog"}},
		{"lines by a condition", []string{"raw", "--when", `fields.status >= 500 && app == "blog"`, "--limit", "1"}, []string{"path=/b "}},
		{"by kind", []string{"raw", "--kind", "router", "--limit", "4"}, []string{"/a", "/b", "/a", "/b"}},
		{"dead", []string{"dead", "--app", "shop", "--limit", "1"}, []string{
			"letter ", "in shipper: hec_7", "because      Splunk says: Incorrect index  [2J", "destination  splunk", "received", "deliveries   1",
			"trace        0af7651916cd43dd8448eb211c80319c", "path=/shop",
		}},
		{"nothing", []string{"events", "--app", "none", "--duration", "300ms"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs := i.tapped(t, c.args...)
			lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
			if c.want == nil {
				lines = nil
			}
			if len(lines) != len(c.want) || strings.ContainsRune(out+errs, '\x1b') {
				t.Fatalf("printed %q, %q", out, errs)
			}
			for n, want := range c.want {
				if !strings.Contains(lines[n], want) {
					t.Errorf("line %d is %q without %q", n, lines[n], want)
				}
			}
		})
	}
	if raw, events := i.held(i.conn.Names().RawStream("s0")), i.held(i.conn.Names().EventsStream("splunk")); raw == 0 || raw != events {
		t.Errorf("%d blocks and %d batches are left: tap took some", raw, events)
	}
}

// tapped runs tap, and publishes once it listens.
func (i *installation) tapped(t *testing.T, args ...string) (out, errs string) {
	t.Helper()
	cmd := tapCommand()
	var stdout, stderr said
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	cmd.SetArgs(append(args, i.sets...))
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(t.Context()) }()
	bustest.Await(t, "tap does not listen", func() bool { return strings.Contains(stderr.String(), "listening on") })
	i.publishAll()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String()
}

func TestTapForMachines(t *testing.T) {
	i := install(t)
	out, _ := i.tapped(t, "events", "-o", "json", "--limit", "2")
	for n, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var e view.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if name := []string{"shop", "blog"}[n]; e.App != name || e.TraceID == "" || e.Destination != "splunk" || !strings.HasSuffix(e.Text, "\x1b[2J") {
			t.Errorf("%+v", e)
		}
	}
	out, _ = i.tapped(t, "dead", "-o", "json", "--limit", "1")
	var l view.Letter
	if err := json.Unmarshal([]byte(out), &l); err != nil || l.Reason != "hec_7" || len(l.Events) != 1 || l.Events[0].App != "shop" {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestTapTellsWhatItDoesNotShow(t *testing.T) {
	i := install(t)
	cmd := tapCommand()
	var stdout, stderr said
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	cmd.SetArgs(append([]string{"events"}, i.sets...))
	ctx, end := context.WithCancel(t.Context())
	defer end()
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(ctx) }()
	bustest.Await(t, "tap does not listen", func() bool { return strings.Contains(stderr.String(), "listening on") })
	large := batchOf("splunk", "shop")
	for range 20 * tapRate {
		large.Events = append(large.Events, large.Events[0])
	}
	publish := func(payload []byte) {
		m := bus.Msg{ID: wire.RandomID(), Subject: i.conn.Names().EventsSubject("splunk"), Payload: payload}
		if err := i.conn.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	publish([]byte("damaged"))
	publish(wire.Seal(nil, encoded(large)))
	// What is shown after them was heard after them.
	bustest.Await(t, "tap shows nothing any more", func() bool {
		publish(wire.Seal(nil, encoded(batchOf("splunk", "latest"))))
		return strings.Contains(stdout.String(), "latest")
	})
	end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{" shown\n", "more not shown: they were over 1000 a second", "1 message could not be read, being damaged or of a newer Drainline"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q is not in %q", want, stderr.String())
		}
	}
}

func TestTapRefuses(t *testing.T) {
	i := install(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "raw, events or dead"},
		{[]string{"live"}, "raw, events or dead"},
		{[]string{"raw", "--when", "app = 1"}, "--when: "},
		{[]string{"raw", "--grep", "("}, "--grep: "},
		{[]string{"raw", "--limit", "-1"}, "not negative"},
		{[]string{"raw", "-o", "yaml"}, "want json"},
	} {
		_, _, err := i.run(tapCommand(), c.args...)
		if _, usage := errors.AsType[*app.UsageError](err); !usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.args, err)
		}
	}
}

func TestTapTellsWhenTheBusGoesAndComes(t *testing.T) {
	var errs strings.Builder
	link := tapLink{errs: &errs, connects: 1}
	const gone, back = "the bus is away: what is published until it is back is not seen\n", "the bus is back\n"
	for n, c := range []struct {
		away     bool
		connects int64
		want     string
	}{{false, 1, ""}, {true, 1, gone}, {true, 1, ""}, {false, 2, back}, {false, 2, ""}, {false, 3, gone + back}, {false, 3, ""}} {
		errs.Reset()
		if link.look(c.away, c.connects); errs.String() != c.want {
			t.Errorf("look %d: %q instead of %q", n, errs.String(), c.want)
		}
	}
}

// The bus of an installation that is stopped is away for a tap that runs.
func TestTapOnABusThatGoes(t *testing.T) {
	i := install(t)
	cmd := tapCommand()
	var stdout, stderr said
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	cmd.SetArgs(append([]string{"events"}, i.sets...))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(ctx) }()
	bustest.Await(t, "tap does not listen", func() bool { return strings.Contains(stderr.String(), "listening on") })
	i.server.Shutdown()
	bustest.Await(t, "tap does not say that the bus is away", func() bool { return strings.Contains(stderr.String(), "the bus is away") })
	stop()
	<-done // its record cannot be stored
}
