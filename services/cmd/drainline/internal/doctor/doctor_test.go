package doctor

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/checkup"
	"github.com/drainline/drainline/services/internal/natsd"
	"github.com/drainline/drainline/services/internal/topology"
	"github.com/drainline/drainline/test/simulators/splunk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "11111111-2222-3333-4444-555555555555"

// serve is a Splunk that knows the token, with a clock that is so far ahead.
func serve(t *testing.T, ahead time.Duration) string {
	t.Helper()
	sim := splunk.New(splunk.Options{Tokens: map[string]splunk.Token{token: {}}})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// nobody is the bus of a Drainline that does not run.
func nobody(context.Context) (*bus.Conn, error) { return nil, natsd.ErrNobody }

// said is what was found, a line each: check and state, with what to do.
func said(r *Report) string {
	var b strings.Builder
	for _, s := range r.Sections {
		for _, f := range s.Findings {
			fmt.Fprintf(&b, "%s %s", f.Check, f.State)
			if f.Fix != "" {
				fmt.Fprintf(&b, ": %s", f.Fix)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestWithoutDrainline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		sets map[string]any
		want string
	}{
		{"good", map[string]any{"destinations.splunk.urls": serve(t, 0)}, "values good\ntcp good\nhealth good\ntoken good\nserver skipped\nspace good\nfsync ?\ndifference good\n"},
		{
			"wrong token",
			map[string]any{"destinations.splunk.urls": serve(t, 0), "destinations.splunk.token": "nobody"},
			"values good\ntcp good\nhealth good\ntoken failed: set the destination's token to the value of a token of this Splunk's HTTP Event Collector\n" +
				"server skipped\nspace good\nfsync ?\ndifference good\n",
		},
		{
			"refused port",
			map[string]any{"destinations.splunk.urls": "http://127.0.0.1:1"},
			"values good\ntcp failed: start what listens there, or correct the port in the destination's urls\nserver skipped\nspace good\nfsync ?\ndifference skipped\n",
		},
		{
			"clock",
			map[string]any{"destinations.splunk.urls": serve(t, -time.Minute)},
			"values good\ntcp good\nhealth good\ntoken good\nserver skipped\nspace good\nfsync ?\n" +
				"difference warning: have this machine's clock set by NTP, such as with chronyd, or see to the one over there\n",
		},
		{"discarding", map[string]any{"destinations.splunk.type": "discard"}, "values good\nurls skipped\nserver skipped\nspace good\nfsync ?\ndifference skipped\n"},
		{
			"too large a stream",
			map[string]any{"destinations.splunk.type": "discard", "destinations.splunk.max_bytes": "400TB"},
			"values good\nurls skipped\nserver skipped\nspace warning: free some space, or set bus.embedded.dir to a larger disk, or lower the max_bytes of streams\nfsync ?\ndifference skipped\n",
		},
		{
			"spool",
			map[string]any{"destinations.splunk.type": "discard", "ingest.spool.dir": filepath.Join(dir, "spool"), "ingest.spool.max_bytes": "100MB"},
			"values good\nurls skipped\nserver skipped\nspace good\nfsync ?\nspace good\nfsync ?\ndifference skipped\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sets := map[string]any{"bus.embedded.dir": filepath.Join(dir, "data"), "destinations.splunk.token": token}
			maps.Copy(sets, c.sets)
			r := Run(t.Context(), Options{Config: bustest.Config(t, sets), Dial: nobody})
			// How fast a test's disk may be is not said.
			got := strings.NewReplacer("fsync good", "fsync ?",
				"fsync warning: set bus.embedded.dir to a faster disk, such as a local SSD: each block waits for it", "fsync ?",
				"fsync warning: set ingest.spool.dir to a faster disk, such as a local SSD: each block waits for it", "fsync ?").Replace(said(r))
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if want := strings.Count(c.want, " failed"); r.Failed != want {
				t.Errorf("%d failed, want %d", r.Failed, want)
			}
		})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBusOfRun(t *testing.T) {
	t.Parallel()
	c := bustest.Config(t, map[string]any{"destinations.splunk.type": "discard"})
	b := bustest.Start(t, c)
	s := examineBus(t.Context(), Options{Config: c, Dial: func(context.Context) (*bus.Conn, error) { return b.Connect("operator"), nil }})
	if got := said(&Report{Sections: []Section{s}}); got != "server good\nstreams good\npermissions good\n" {
		t.Error(got)
	}
	more := bustest.Config(t, map[string]any{"destinations.splunk.type": "discard", "destinations.other.type": "discard"})
	s = examineBus(t.Context(), Options{Config: more, Dial: func(context.Context) (*bus.Conn, error) { return b.Connect("operator"), nil }})
	if got := said(&Report{Sections: []Section{s}}); !strings.Contains(got, "streams failed: give the configuration that drainline run has") {
		t.Error(got)
	}
}

// external is a NATS server with a user for each of what may be missing.
func external(t *testing.T) string {
	t.Helper()
	user := func(name string, deny ...string) *server.User {
		return &server.User{Username: name, Password: "p", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: deny}}}
	}
	hidden := user("hidden")
	hidden.Permissions.Subscribe = &server.SubjectPermission{Deny: []string{"drainline.status", "drainline.seen", "$SRV.>"}}
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 1 << 40, JetStreamMaxMemory: 1 << 20,
		Users: []*server.User{
			user("all"), user("mute", "drainline.raw.>"), user("blind", "$JS.API.STREAM.INFO.>"),
			user("bookless", "drainline.ledger.>", "drainline.suspects.>"), user("unrecorded", "drainline.audit"), hidden,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	})
	if !ns.ReadyForConnections(bustest.Patience) {
		t.Fatal("the server does not start")
	}
	return ns.ClientURL()
}

func TestBusApart(t *testing.T) {
	t.Parallel()
	url := external(t)
	c := bustest.Config(t, map[string]any{"destinations.splunk.type": "discard", "bus.url": url})
	dial := func(user string) func(ctx context.Context) (*bus.Conn, error) {
		return func(ctx context.Context) (*bus.Conn, error) {
			return bus.Connect(ctx, bus.Options{
				URL: strings.Replace(url, "nats://", "nats://"+user+":p@", 1), Name: "doctor", Names: wire.Names{Prefix: c.Bus.Prefix},
				ConnectTimeout: bustest.Patience, Log: bustest.Log(t),
			})
		}
	}
	find := func(c *config.Config, user, as string) string {
		t.Helper()
		return said(&Report{Sections: []Section{examineBus(t.Context(), Options{Config: c, As: as, Dial: dial(user)})}})
	}
	if got := find(c, "all", ""); strings.Count(got, "streams failed: run `drainline streams apply`") != len(topology.New(c, 0).Streams) {
		t.Errorf("nothing is there:\n%s", got)
	}
	conn, err := dial("all")(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := topology.New(c, 0).Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if got := find(c, "all", ""); got != "server good\nstreams good\npermissions good\n" {
		t.Errorf("all is there:\n%s", got)
	}
	other := *c
	other.Bus.Dead.MaxAge += time.Hour
	if got := find(&other, "all", ""); got != "server good\nstreams warning: run `drainline streams apply` with this configuration\npermissions good\n" {
		t.Errorf("another age:\n%s", got)
	}
	if got := find(c, "mute", ""); strings.Count(got, "permissions failed: allow it in the permissions of the NATS user, or name with --as") != 2 {
		t.Errorf("may not publish to two shards:\n%s", got)
	}
	if got := find(c, "mute", "ingest"); strings.Count(got, "permissions failed: allow it in the permissions of the NATS user\n") != 2 {
		t.Errorf("as ingest:\n%s", got)
	}
	for _, tc := range []struct {
		user, as       string
		failed, warned int
	}{
		{"bookless", "", 5, 0}, // three books, and what two services know of suspects
		{"bookless", "ingest", 1, 0},
		{"bookless", "shipper", 2, 0},
		{"unrecorded", "transform", 0, 1},
		{"hidden", "transform", 0, 2},
		{"hidden", "ingest", 1, 2},
	} {
		got := find(c, tc.user, tc.as)
		if f, w := strings.Count(got, "permissions failed: allow it"), strings.Count(got, "permissions warning: allow it"); f != tc.failed || w != tc.warned {
			t.Errorf("%s as %q: %d failed and %d warnings, want %d and %d:\n%s", tc.user, tc.as, f, w, tc.failed, tc.warned, got)
		}
	}
	acks := *c
	acks.Ingest.HEC.Tokens = map[string]config.Token{"a": {Ack: true}}
	if err := topology.New(&acks, 0).Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if got := find(&acks, "all", ""); got != "server good\nstreams good\npermissions good\n" {
		t.Errorf("with acknowledgement:\n%s", got)
	}
	if got := find(c, "mute", "shipper"); got != "server good\nstreams good\npermissions good\n" {
		t.Errorf("as shipper:\n%s", got)
	}
}

func TestBusAway(t *testing.T) {
	t.Parallel()
	c := bustest.Config(t, map[string]any{"destinations.splunk.type": "discard", "bus.url": "nats://127.0.0.1:1"})
	s := examineBus(t.Context(), Options{Config: c, Dial: func(ctx context.Context) (*bus.Conn, error) {
		return bus.Connect(ctx, bus.Options{URL: c.Bus.URL, Name: "doctor", ConnectTimeout: 100 * time.Millisecond, Log: bustest.Log(t)})
	}})
	if got := said(&Report{Sections: []Section{s}}); got != "server failed: see that the NATS server is up with JetStream, and that bus.url, bus.nkey, bus.creds_file and bus.tls are right\n" {
		t.Error(got)
	}
}

func TestOlder(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"2.10.29": true, "2.9.0": true, "1.99.99": true, "": true, "2.11.0": false, "2.11.0-RC.1": false, "2.11.4": false, "2.15.2": false, "3.0.0": false,
	} {
		if got := older(version, pins); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	r := &Report{}
	r.add(Section{What: "destination a", Findings: []checkup.Finding{
		good("tcp", "here"), warning("tls", "over soon", "renew it"), failed("token", "no\x1b[31m", "set it"), skipped("event", "not asked for"),
	}})
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	const want = `destination a
  good     tcp         here
  warning  tls         over soon: renew it
  FAILED   token       no [31m: set it
  skipped  event       not asked for
`
	if b.String() != want || r.Failed != 1 || r.Warnings != 1 || r.Checks != 3 {
		t.Errorf("%d failed, %d warnings, %d checks\n%s", r.Failed, r.Warnings, r.Checks, b.String())
	}
}
