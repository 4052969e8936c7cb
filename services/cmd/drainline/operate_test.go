package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/natsd"
	"github.com/drainline/drainline/services/internal/topology"
)

// installation is a bus as a running all-in-one has it, and what its operator types.
type installation struct {
	t      *testing.T
	conn   *bus.Conn
	config *config.Config
	server *natsd.Server
	sets   []string
}

func install(t *testing.T) *installation {
	t.Helper()
	dir := t.TempDir()
	sets := map[string]any{
		"destinations.splunk.urls": "http://127.0.0.1:1", "destinations.splunk.token": "t", "destinations.other.type": config.TypeDiscard,
		"bus.embedded.dir": dir,
	}
	c := bustest.Config(t, sets)
	server, err := natsd.Start(t.Context(), natsd.Options{Dir: dir, Socket: true, Log: bustest.Log(t), MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	i := &installation{t: t, config: c, server: server}
	for key, value := range sets {
		i.sets = append(i.sets, "--set", key+"="+value.(string))
	}
	i.conn, err = bus.Connect(t.Context(), bus.Options{
		InProcess: server, Name: "test", Names: wire.Names{Prefix: c.Bus.Prefix}, ConnectTimeout: bustest.Patience, Log: bustest.Log(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.conn.Close)
	if err := topology.New(c, server.Capacity()).Apply(t.Context(), i.conn); err != nil {
		t.Fatal(err)
	}
	return i
}

// held is how many messages a stream holds.
func (i *installation) held(stream string) uint64 {
	i.t.Helper()
	s, err := i.conn.JetStream().Stream(i.t.Context(), stream)
	if err != nil {
		i.t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// run runs a command and returns what it prints.
func (i *installation) run(cmd *cobra.Command, args ...string) (out, errs string, err error) {
	i.t.Helper()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true // as app.Main does
	var stdout, stderr bytes.Buffer
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	cmd.SetIn(strings.NewReader(""))
	cmd.SetArgs(append(args, i.sets...))
	err = cmd.ExecuteContext(i.t.Context())
	return stdout.String(), stderr.String(), err
}

// output is run of what must work.
func (i *installation) output(cmd *cobra.Command, args ...string) string {
	i.t.Helper()
	out, errs, err := i.run(cmd, args...)
	if err != nil {
		i.t.Fatalf("%v: %v\n%s%s", args, err, out, errs)
	}
	return out
}

// said is the output of a command that runs on.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

const testTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// batchOf is a batch of one event of each app, for a destination.
func batchOf(destination string, apps ...string) wire.Batch {
	b := wire.Batch{ID: wire.RandomID(), BlockID: wire.RandomID(), Destination: destination}
	for n, app := range apps {
		b.Origins = append(b.Origins, wire.Origin{
			Door: drainlinev1.Door_DOOR_LOGPLEX, App: app, DrainToken: "d." + app, ReceivedNS: 2e18, Traceparent: testTraceparent,
		})
		b.Events = append(b.Events, wire.Event{
			TimeNS: 1e18, Kind: "router", Process: "router", Dyno: "web.1", Code: "H12", Index: "main", Origin: uint32(n),
			Text: []byte("method=GET path=/" + app + " status=503 \x1b[2J"),
		})
	}
	return b
}

func encoded(b wire.Batch) []byte {
	message := wire.AppendBatch(nil, &b)
	for n := range b.Events {
		message = wire.AppendEvent(message, &b.Events[n])
	}
	return message
}

// blockOf is a block with one request of frames.
func blockOf(app string, lines ...string) *drainlinev1.RawBlock {
	var body []byte
	for _, line := range lines {
		body = append(body, line...)
	}
	id, request := wire.RandomID(), wire.RandomID()
	return &drainlinev1.RawBlock{Id: id[:], Requests: []*drainlinev1.Request{{
		Id: request[:], Door: drainlinev1.Door_DOOR_LOGPLEX, DrainToken: "d." + app, Query: map[string]string{wire.QueryApp: app},
		Encoding: drainlinev1.Encoding_ENCODING_FRAMES, ReceivedNs: 2e18, Body: body, Trace: &drainlinev1.Trace{Traceparent: testTraceparent},
	}}}
}
