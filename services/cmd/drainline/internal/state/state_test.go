package state_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/cmd/drainline/internal/state"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/shipper"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer has an instance answer on the bus.
func answer(t *testing.T, b *bustest.Bus, s app.Status) {
	t.Helper()
	conn := b.Connect(s.Services[0])
	stop, err := conn.Serve(bus.Service{Name: "drainline", Version: "1.0.0", Answer: func() []byte {
		content, err := json.Marshal(s)
		if err != nil {
			t.Error(err)
		}
		return content
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.JetStream().Conn().Flush(); err != nil { // the server knows of it when others ask
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func destinations(t *testing.T, d ...shipper.Destination) map[string]json.RawMessage {
	t.Helper()
	content, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]json.RawMessage{shipper.FactDestinations: content}
}

// hold holds what is printed to lines, and to the problems in their order.
func hold(t *testing.T, s *state.State, problems []string, lines ...string) {
	t.Helper()
	var out strings.Builder
	if err := s.Print(&out); err != nil {
		t.Fatal(err)
	}
	plain := strings.Join(strings.FieldsFunc(out.String(), func(r rune) bool { return r == ' ' }), " ")
	for _, l := range lines {
		if !strings.Contains(plain, l) {
			t.Errorf("no %q in\n%s", l, plain)
		}
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 81 {
			t.Errorf("wider than 80 characters: %s", line)
		}
	}
	if len(problems) != len(s.Problems) {
		t.Fatalf("problems %q, want %q", s.Problems, problems)
	}
	for i, p := range problems {
		if !strings.HasPrefix(s.Problems[i], p) {
			t.Errorf("problem %q, want %q", s.Problems[i], p)
		}
	}
}

func TestAllIsWell(t *testing.T) {
	b := bustest.Start(t, bustest.Config(t, nil))
	started := time.Now().Add(-time.Hour)
	for _, service := range []string{"ingest", "transform", "shipper"} {
		s := app.Status{
			Readiness: app.Readiness{Ready: true, Checks: map[string]string{"bus": "ok"}}, Instance: service + "-instance", Services: []string{service},
			Version: "v1.0.0", Configuration: "0123456789abcdef", Host: "h", Started: started,
		}
		if service == "shipper" {
			s.Facts = destinations(t, shipper.Destination{Name: "splunk", State: shipper.StateShipping, Delivered: 7, Window: 8})
		}
		answer(t, b, s)
	}
	s := state.Look(t.Context(), b.Connect(bus.Operator), b.Config)
	hold(
		t, s, nil, "ingest-i ingest v1.0.0 01234567 1h0m yes on h\n", "shipper- shipper", "transfor transform", "\nraw_s0 0 0 0 B ",
		"\nsplunk shipping 7 0 0 0 of 8 0\n", "Nothing needs you.\n",
	)
	if s.Notes != nil || len(s.Instances) != 3 {
		t.Errorf("%q, %+v", s.Notes, s.Instances)
	}
}

func TestWhatNeedsAHuman(t *testing.T) {
	before := bustest.Config(t, map[string]any{"destinations.archive.type": "discard"})
	b := bustest.Start(t, before)
	conn := b.Connect("test")
	for _, subject := range []string{"drainline.events.archive", "drainline.dead.ingest.unframed"} {
		if err := conn.Publish(t.Context(), bus.Msg{ID: wire.RandomID(), Subject: subject, Payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	// A shipper parks, another ships on; one is of another version.
	since := time.Now().Add(-2 * time.Hour)
	answer(t, b, app.Status{
		Readiness: app.Readiness{Checks: map[string]string{"disk": "is full", "streams": "ok"}}, Instance: "aaaaaaaaaa", Services: []string{"shipper"},
		Version: "v1", Configuration: "1111111111", Started: since,
		Facts: destinations(t, shipper.Destination{Name: "splunk", State: shipper.StateParked, ParkedSince: since, Error: "token is refused", Delivered: 3, Window: 2}),
	})
	answer(t, b, app.Status{
		Readiness: app.Readiness{Ready: true}, Instance: "bbbbbbbbbb", Services: []string{"shipper", "ingest"}, Version: "v2", Configuration: "2222222222", Started: since,
		Facts: destinations(t, shipper.Destination{Name: "splunk", State: shipper.StateShipping, Delivered: 4, Window: 8}),
	})
	now := bustest.Config(t, nil)
	s := state.Look(t.Context(), b.Connect(bus.Operator), now)
	hold(t, s, []string{
		"no transform answers on the bus",
		"instance aaaaaaaa: disk: is full",
		"instances differ in their configuration: 11111111, 22222222",
		"instances differ in their version: v1, v2",
		"destination splunk is parked for 2h0m: token is refused",
		"1 dead letters are kept",
		"nothing takes the 1 messages of stream drainline_events_archive",
	}, "\nsplunk parked 2h0m 7 0 0 0 of 10 0\n", "\ndrainline_events_archive 1 ", " aaaaaaaa disk: is full\n")
}

// A drain is silent when the instances of ingest have not seen it for long enough, whatever
// its app is called in the books.
func TestSilentDrains(t *testing.T) {
	c := bustest.Config(t, nil)
	c.Drains = []config.Drain{
		{Token: "d.1", App: "shop", ExpectWithin: time.Minute},
		{Token: "d.2", ExpectWithin: time.Hour},
		{Token: "d.3", App: "never", ExpectWithin: time.Minute},
		{Token: "d.4", App: "patient", ExpectWithin: 48 * time.Hour},
		{Token: "d.5", App: "shop", ExpectWithin: time.Hour},
		{Token: "d.6", App: "gone", ExpectWithin: 2 * time.Hour},
	}
	b := bustest.Start(t, c)
	l := ledger.New(ledger.Options{Bus: b.Connect("test"), Stage: wire.StageTransform, Log: bustest.Log(t)})
	var tally ledger.Tally
	for input, ago := range map[string]time.Duration{"shop": time.Second, "named by its URL": 2 * time.Minute, "gone": 3 * time.Hour} {
		row := tally.Row(ledger.Key{Input: input, Destination: "splunk"})
		row.Accepted.Add(1, 10)
		row.Seen(time.Now().Add(-ago))
	}
	l.Post(&tally)
	l.Flush()
	seen, err := json.Marshal([]ingest.ExpectedDrain{
		{Token: "d.1", LastSeen: time.Now().Add(-2 * time.Minute)},
		{Token: "d.2", LastSeen: time.Now().Add(-2 * time.Minute)},
		{Token: "d.3"},
		{Token: "d.4"},
		{Token: "d.5", LastSeen: time.Now()},
		{Token: "d.6"},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer(t, b, app.Status{
		Readiness: app.Readiness{Ready: true}, Instance: "all", Services: []string{"ingest", "transform", "shipper"}, Started: time.Now().Add(-90 * time.Minute),
		Facts: map[string]json.RawMessage{ingest.FactExpectedDrains: seen},
	})
	s := state.Look(t.Context(), b.Connect(bus.Operator), c)
	hold(t, s, []string{
		"drain d.1 of shop is silent: last seen 2m",
		"drain d.3 of never is silent: never seen, expected within 1m0s",
		"drain d.6 of gone is silent: last seen 3h",
	}, "shop 2m", "m0s SILENT\n", "\nd.2 2m", " never 1m0s SILENT\n", "\npatient never 2d0h", "\nshop 0s ago 1h0m ")
}
