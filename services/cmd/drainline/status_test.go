package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/shipper"
	"github.com/drainline/drainline/services/transform"
)

// asked runs the command against what listens there.
func asked(t *testing.T, listen string, args ...string) (string, error) {
	t.Helper()
	cmd := statusCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true // as app.Main does
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(append(args, "--set", "admin.listen="+listen))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestStatus(t *testing.T) {
	seen := time.Now().Add(-time.Minute)
	drains, err := json.Marshal([]ingest.UnknownDrain{
		{Token: "d.1", Credential: "team_a", App: "shop", FirstSeen: seen, LastSeen: seen, Requests: 2, Frames: 30},
		{Token: "d.2", Credential: "team_b", FirstSeen: seen, LastSeen: seen, Requests: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	many, err := json.Marshal(slices.Repeat([]ingest.UnknownDrain{{Token: "d.1"}}, 23))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		answer app.Status
		want   []string
	}{
		{
			"unknown drains",
			app.Status{
				Readiness: app.Readiness{Checks: map[string]string{"disk": "is full", "ingest bus": "ok"}}, Version: "v1",
				Facts: map[string]json.RawMessage{ingest.FactUnknownDrains: drains},
			},
			[]string{
				"version v1", "ready false", "disk is full", "ingest bus ok", "unknown drains 2",
				"d.1 shop team_a 2 30 1m0s ago", "d.2 - team_b 1 0 1m0s ago", `- {token: "d.1", app: "shop"}`, `- {token: "d.2", app: "NAME"}`,
			},
		},
		{
			"many unknown drains",
			app.Status{Facts: map[string]json.RawMessage{ingest.FactUnknownDrains: many}},
			[]string{"unknown drains 23", strings.Repeat(` - {token: "d.1", app: "NAME"}`+"\n", 20) + " # and 3 more\n"},
		},
		{
			"no unknown drains",
			app.Status{Readiness: app.Readiness{Ready: true}, Facts: map[string]json.RawMessage{ingest.FactUnknownDrains: []byte("[]")}},
			[]string{"ready true", "unknown drains 0"},
		},
		{
			"lost upstream",
			app.Status{Facts: map[string]json.RawMessage{
				ingest.FactUnknownDrains: []byte("[]"), transform.FactLost: []byte(`[{"input":"shop","code":"L10","messages":40},{"input":"d.1","code":"L13","messages":2}]`),
			}},
			[]string{"lost upstream 42 messages", "40 of shop, says L10", "2 of d.1, says L13"},
		},
		{
			"destinations",
			app.Status{Facts: map[string]json.RawMessage{ingest.FactUnknownDrains: []byte("[]"), shipper.FactDestinations: destinations(t)}},
			[]string{
				"destination audit shipping, 7 delivered, 0 dead, 0 dropped, 0 may be there twice, 1 of 8 requests in flight, 3 acks pending\n held: b: HTTP status 403\n",
				"destination splunk parked for 1h0m0s, 0 delivered, 2 dead, 1 dropped, 0 may be there twice, 0 of 1 requests in flight, 0 acks pending\n parked: why\n",
			},
		},
		{"no ingest", app.Status{Readiness: app.Readiness{Ready: true}}, []string{"ready true"}},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/status" {
				http.NotFound(w, r)
				return
			}
			if err := json.NewEncoder(w).Encode(c.answer); err != nil {
				t.Error(err)
			}
		}))
		listen := server.Listener.Addr().String()
		out, err := asked(t, listen)
		plain := strings.Join(strings.FieldsFunc(out, func(r rune) bool { return r == ' ' }), " ")
		for _, want := range c.want {
			if err != nil || !strings.Contains(plain, want) {
				t.Errorf("%s: %v, no %q in\n%s", c.name, err, want, out)
			}
		}
		if has := strings.Contains(out, "unknown drains"); has != (c.answer.Facts != nil) {
			t.Errorf("%s: printed\n%s", c.name, out)
		}
		var s app.Status
		out, err = asked(t, listen, "-o", "json")
		if err != nil || json.Unmarshal([]byte(out), &s) != nil || s.Ready != c.answer.Ready {
			t.Errorf("%s: %v, printed %s", c.name, err, out)
		}
		server.Close()
	}
}

// destinations are a healthy one, of which a URL is held, and a parked one.
func destinations(t *testing.T) json.RawMessage {
	t.Helper()
	content, err := json.Marshal([]shipper.Destination{{
		Name: "audit", State: shipper.StateShipping, Delivered: 7, InFlight: 1, Window: 8, PendingAcks: 3,
		URLs: []shipper.URL{{URL: "a", State: "up"}, {URL: "b", State: "held", Error: "b: HTTP status 403"}},
	}, {
		Name: "splunk", State: shipper.StateParked, ParkedSince: time.Now().Add(-time.Hour), Error: "parked: why", Dead: 2, Dropped: 1, Window: 1,
		URLs: []shipper.URL{{URL: "a", State: "held", Error: "why"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestStatusOfNothing(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for listen, want := range map[string]string{
		closed.Addr().String():         "nothing answers at admin.listen ",
		other.Listener.Addr().String(): "tells no status: 404 Not Found",
	} {
		if out, err := asked(t, listen); err == nil || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%v, printed %q, want %s", err, out, want)
		}
	}
	if _, err := asked(t, "127.0.0.1:1", "-o", "xml"); err == nil || !strings.Contains(err.Error(), "want json") {
		t.Errorf("%v", err)
	}
}

func TestReachable(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:9600": "127.0.0.1:9600", ":9600": "localhost:9600", "0.0.0.0:9600": "localhost:9600", "[::]:9600": "localhost:9600",
		"[::1]:9600": "[::1]:9600", "admin.internal:9600": "admin.internal:9600",
	} {
		if got := reachable(listen); got != want {
			t.Errorf("%s is asked at %s", listen, got)
		}
	}
}
