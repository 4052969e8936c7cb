package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/audit"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/natsd"
)

// cluster is a NATS server of its own, without a stream.
func cluster(t *testing.T) *installation {
	t.Helper()
	server, err := natsd.Start(t.Context(), natsd.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Log: bustest.Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	i := &installation{t: t, sets: []string{"--set", "bus.url=nats://" + server.Addr(), "--set", "destinations.other.type=discard"}}
	i.conn, err = bus.Connect(t.Context(), bus.Options{
		InProcess: server, Name: "test", Names: wire.Names{Prefix: "drainline"}, ConnectTimeout: bustest.Patience, Log: bustest.Log(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.conn.Close)
	return i
}

func TestStreamsAreApplied(t *testing.T) {
	i := cluster(t)
	js := i.conn.JetStream()
	streams := func() int64 {
		info, err := js.AccountInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return int64(info.Streams)
	}
	out, _, err := i.run(streamsCommand(), "show")
	if err != nil || !strings.Contains(out, "drainline_raw_s0 is missing\n") || streams() != 0 {
		t.Errorf("show: %v, %s", err, out)
	}
	out, _, err = i.run(streamsCommand(), "apply", "--dry-run")
	if err != nil || !strings.Contains(out, "drainline_events_other is missing\n") || !strings.HasSuffix(out, "Nothing was changed.\n") || streams() != 0 {
		t.Errorf("dry run: %v, %s", err, out)
	}
	out, _, err = i.run(streamsCommand(), "apply")
	made := streams()
	if err != nil || made == 0 || strings.Count(out, "\napplied ") != int(made) {
		t.Errorf("apply: %v, %d streams, %s", err, made, out)
	}
	if out, _, err := i.run(streamsCommand(), "show"); err != nil || out != "The streams are as the configuration says.\n" {
		t.Errorf("show: %v, %s", err, out)
	}
}

// What differs is changed, what cannot be is told, and what nobody wants is left.
func TestStreamsThatCannotBeChanged(t *testing.T) {
	i := cluster(t)
	js := i.conn.JetStream()
	if out, _, err := i.run(streamsCommand(), "apply"); err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	if _, err := js.UpdateStream(t.Context(), changed(t, js, "drainline_events_other", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 })); err != nil {
		t.Fatal(err)
	}
	memory := changed(t, js, "drainline_raw_s0", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage; c.MaxBytes = 1 << 10 })
	if err := js.DeleteStream(t.Context(), memory.Name); err != nil {
		t.Fatal(err)
	}
	orphan := jetstream.StreamConfig{Name: "drainline_events_gone", Subjects: []string{"drainline.events.gone"}}
	for _, c := range []jetstream.StreamConfig{memory, orphan} {
		if _, err := js.CreateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	out, _, err := i.run(streamsCommand(), "apply", "-o", "json")
	var r streamsReport
	if unreadable := json.Unmarshal([]byte(out), &r); unreadable != nil || err == nil || !strings.Contains(err.Error(), "1 streams cannot be changed") {
		t.Fatalf("%v, %v: %s", err, unreadable, out)
	}
	if len(r.Applied) != 1 || r.Applied[0] != "drainline_events_other" || len(r.Orphans) != 1 || r.Orphans[0].Name != "drainline_events_gone" {
		t.Errorf("%+v", r)
	}
	out, _, err = i.run(streamsCommand(), "show")
	if err != nil || strings.Contains(out, "drainline_events_other") || !strings.Contains(out, "drainline_raw_s0: storage is Memory") ||
		!strings.Contains(out, "  JetStream cannot change that: stop what publishes") || !strings.Contains(out, "drainline_events_gone is not in the configuration and holds 0 messages") {
		t.Errorf("%v, %s", err, out)
	}
	var deeds []*drainlinev1.AuditRecord
	if err := audit.Read(t.Context(), i.conn, time.Time{}, func(r *drainlinev1.AuditRecord) error { deeds = append(deeds, r); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(deeds) != 2 || deeds[0].GetAction() != audit.ActionApply || deeds[0].GetCount() == 0 || deeds[0].GetError() != "" || deeds[1].GetCount() != 1 || deeds[1].GetError() == "" {
		t.Errorf("%v", deeds)
	}
}

func changed(t *testing.T, js jetstream.JetStream, name string, change func(*jetstream.StreamConfig)) jetstream.StreamConfig {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	change(&c)
	return c
}

// Streams of the server inside `drainline run` are as large as that has room for.
func TestStreamsOfTheAllInOne(t *testing.T) {
	i := install(t)
	if out, _, err := i.run(streamsCommand(), "show"); err == nil || !strings.Contains(err.Error(), "does not say how large") || out != "" {
		t.Errorf("nobody answers: %v, %s", err, out)
	}
	stop, err := i.conn.Serve(bus.Service{Name: "drainline-ingest", Version: "1.0.0", Answer: func() []byte {
		return []byte(`{"facts":{"` + app.FactCapacity + `":1073741824}}`)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	if out, _, err := i.run(streamsCommand(), "show"); err != nil || out != "The streams are as the configuration says.\n" {
		t.Errorf("%v, %s", err, out)
	}
}
