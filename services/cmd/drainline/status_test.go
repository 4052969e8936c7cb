package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/services/cmd/drainline/internal/state"
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

// Where the bus cannot be reached, the instance at admin.listen tells, and it is said.
func TestStatusOfOneInstance(t *testing.T) {
	seen := time.Now().Add(-time.Minute)
	drains, err := json.Marshal([]ingest.UnknownDrain{
		{Token: "d.1", Credential: "team_a", App: "shop", FirstSeen: seen, LastSeen: seen, Requests: 2, Frames: 30},
		{Token: "d.2", Credential: "team_\x1b[31mb", FirstSeen: seen, LastSeen: seen.Add(-time.Second), Requests: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	var unknown []ingest.UnknownDrain
	listed := "" // in the order in which they were seen, and no more than 20 of them
	for n := range 23 {
		unknown = append(unknown, ingest.UnknownDrain{Token: fmt.Sprint("d.", n), LastSeen: seen.Add(time.Duration(-n) * time.Second)})
		if n < 20 {
			listed += fmt.Sprintf(" - {token: \"d.%d\", app: \"NAME\"}\n", n)
		}
	}
	many, err := json.Marshal(unknown)
	if err != nil {
		t.Fatal(err)
	}
	ready := app.Readiness{Ready: true}
	for _, c := range []struct {
		name   string
		answer app.Status
		want   []string
		needs  bool
	}{
		{
			"unknown drains",
			app.Status{
				Readiness: app.Readiness{Checks: map[string]string{"disk": "is full", "ingest bus": "ok"}}, Version: "v1", Instance: "0123456789", Host: "h",
				Services: []string{"ingest"}, Started: seen, Configuration: "fedcba9876", Facts: map[string]json.RawMessage{ingest.FactUnknownDrains: drains},
			},
			[]string{
				"01234567 ingest v1 fedcba98 1m0s NO on h\n", " 01234567 disk: is full\n", "d.1 shop team_a 2 30 1m0s ago", "d.2 - team_ [31mb 1 0 1m1s ago",
				`- {token: "d.1", app: "shop"}`, `- {token: "d.2", app: "NAME"}`, "* instance 01234567: disk: is full\n", "* 2 drains send and are not in the configuration",
			},
			true,
		},
		{
			"many unknown drains",
			app.Status{Readiness: ready, Facts: map[string]json.RawMessage{ingest.FactUnknownDrains: many}},
			[]string{listed + " # and 3 more\n", "\nand 3 more\n", "* 23 drains send and are not in the configuration"},
			true,
		},
		{
			"no unknown drains",
			app.Status{Readiness: ready, Facts: map[string]json.RawMessage{ingest.FactUnknownDrains: []byte("[]")}},
			[]string{"Nothing needs you.\n"},
			false,
		},
		{
			"lost upstream",
			app.Status{Readiness: ready, Facts: map[string]json.RawMessage{
				transform.FactLost: []byte(`[{"input":"shop","code":"L10","messages":40},{"input":"d.1","code":"L13","messages":2}]`),
			}},
			[]string{"shop L10 40\n", "d.1 L13 2\n", "Nothing needs you.\n"},
			false,
		},
		{
			"destinations",
			app.Status{Readiness: ready, Facts: map[string]json.RawMessage{shipper.FactDestinations: destinations(t)}},
			[]string{
				"audit shipping 7 0 0 1 of 8 3\n", "\n audit held: b: HTTP status 403\n", "splunk parked 1h0m 0 2 1 0 of 1 0\n", "* destination splunk is parked for 1h0m: parked: why\n",
			},
			true,
		},
		{
			"a fact of another version",
			app.Status{Readiness: ready, Instance: "0123456789", Facts: map[string]json.RawMessage{transform.FactLost: []byte(`"none"`)}},
			[]string{"! lost_upstream of instance 01234567 cannot be read, it may be of another"},
			false,
		},
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
		if (err != nil) != c.needs {
			t.Errorf("%s: %v", c.name, err)
		}
		plain := strings.Join(strings.FieldsFunc(out, func(r rune) bool { return r == ' ' }), " ")
		// A table's last cell may be followed by blanks.
		plain = strings.ReplaceAll(plain, " \n", "\n")
		for _, want := range append(c.want, "! only the instance at admin.listen "+listen+" was asked") {
			if !strings.Contains(plain, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, plain)
			}
		}
		var s state.State
		out, err = asked(t, listen, "-o", "json")
		if (err != nil) != c.needs || json.Unmarshal([]byte(out), &s) != nil || len(s.Instances) != 1 || (len(s.Problems) > 0) != c.needs {
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
		if out, err := asked(t, listen); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "no Drainline runs") || out != "" {
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
