package app

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
)

// statuses are what all instances on a bus answer.
func statuses(t *testing.T, c *bus.Conn) []Status {
	t.Helper()
	answers, err := c.Ask(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]Status, len(answers))
	for i, a := range answers {
		if a.Err != nil {
			t.Fatal(a.Err)
		}
		if err := json.Unmarshal(a.Content, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// A process is seen on the bus while it runs: once, however many services it has, and
// with the configuration that is in force.
func TestSeenOnTheBus(t *testing.T) {
	var j journal
	file := filepath.Join(t.TempDir(), "drainline.yaml")
	write := func(hold string) {
		if err := os.WriteFile(file, []byte("ingest: {hold: "+hold+"}\ndestinations: {splunk: {urls: ['http://127.0.0.1:1'], token: t}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("3s")
	p := testProcess(t, config.Loader{Files: []string{file}})
	b := bustest.Start(t, p.Config)
	for _, service := range []string{"ingest", "shipper"} {
		if _, err := p.Connect(t.Context(), service, b.Server); err != nil {
			t.Fatal(err)
		}
	}
	p.Tell("things", func() any { return []int{1, 2} })
	operator := b.Connect(bus.Operator)
	if seen := statuses(t, operator); len(seen) > 0 {
		t.Errorf("it does not run yet: %+v", seen)
	}

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx, []Service{&fake{name: "a", journal: &j}}) }()
	var seen []Status
	await(t, func() bool { seen = statuses(t, operator); return len(seen) > 0 })
	s := seen[0]
	if len(seen) != 1 || s.Instance != p.Instance || !slices.Equal(s.Services, []string{"ingest", "shipper"}) || s.Version != Build() ||
		s.Host == "" || time.Since(s.Started) > time.Hour || s.Configuration != p.Config.SHA() || !s.Ready || string(s.Facts["things"]) != "[1,2]" {
		t.Errorf("%+v", seen)
	}
	write("2s")
	await(t, func() bool {
		seen = statuses(t, operator)
		return len(seen) == 1 && seen[0].Configuration != s.Configuration && seen[0].Instance == s.Instance
	})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return len(statuses(t, operator)) == 0 })
}
