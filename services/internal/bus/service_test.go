package bus

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

func serve(t *testing.T, c *Conn, s Service) (stop func() error) {
	t.Helper()
	stop, err := c.Serve(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return stop
}

func ask(t *testing.T, c *Conn) []Answer {
	t.Helper()
	answers, err := c.Ask(t.Context(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

func TestEveryInstanceAnswers(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	operator := dial(t, s.url())
	if answers := ask(t, operator); answers != nil {
		t.Errorf("nobody is there, and %v", answers)
	}
	one, other := dial(t, s.url()), dial(t, s.url())
	stop := serve(t, one, Service{Name: "drainline-a", Version: "v1.2.3", Answer: func() []byte { return []byte(`"one"`) }})
	serve(t, other, Service{Name: "drainline-a", Version: "v1.2.3", Answer: func() []byte { return []byte(`"other"`) }})
	serve(t, other, Service{Name: "drainline-b", Version: "v1.2.3"}) // which leaves the answer to the other
	got := map[string]bool{}
	for _, a := range ask(t, operator) {
		if a.Err != nil || got[string(a.Content)] {
			t.Errorf("%s %v", a.Content, a.Err)
		}
		got[string(a.Content)] = true
	}
	if len(got) != 2 || !got[`"one"`] || !got[`"other"`] {
		t.Errorf("answers %v", got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if answers := ask(t, operator); len(answers) != 1 || string(answers[0].Content) != `"other"` {
		t.Errorf("after one has stopped: %s", answers)
	}
}

// NATS' own discovery finds services, and goes on doing so after a reconnect.
func TestServicesAreDiscovered(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := dial(t, s.url())
	serve(t, c, Service{
		Name: "drainline-ingest", Version: "v1.2.3-0.20261123-abc", Description: "Takes logs.",
		Metadata: map[string]string{"host": "h"}, Answer: func() []byte { return []byte("{}") },
	})
	before := c.Connects()
	s.stop()
	s.start()
	eventually(t, "it is back", func() bool { return c.Connects() > before && c.nc.Flush() == nil })
	nc := dial(t, s.url()).nc
	var info micro.Info
	request(t, nc, "$SRV.INFO.drainline-ingest", &info)
	if info.Version != "1.2.3-0.20261123-abc" || info.Metadata["host"] != "h" || info.Description != "Takes logs." ||
		len(info.Endpoints) != 1 || info.Endpoints[0].Subject != "t.status" || info.Endpoints[0].QueueGroup != "" {
		t.Errorf("%+v", info)
	}
	var stats micro.Stats
	request(t, nc, "$SRV.STATS", &stats)
	if len(stats.Endpoints) != 1 || stats.Endpoints[0].NumRequests != 0 {
		t.Errorf("%+v", stats)
	}
}

func request(t *testing.T, nc *nats.Conn, subject string, answer any) {
	t.Helper()
	m, err := nc.Request(subject, nil, patience)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	if err := json.Unmarshal(m.Data, answer); err != nil {
		t.Fatalf("%s: %v: %s", subject, err, m.Data)
	}
}

// A large answer comes whole, and one that is too large says so.
func TestAnswersOfAnySize(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c, operator := dial(t, s.url()), dial(t, s.url())
	var content []byte
	serve(t, c, Service{Name: "large", Version: "1.0.0", Answer: func() []byte { return content }})
	noise := make([]byte, 2<<20)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		content []byte
		err     string
	}{
		{"small", []byte("{}"), ""},
		{"compressible", bytes.Repeat([]byte("all the same "), 1<<20), ""},
		{"too large", noise, "more than fits"},
	} {
		content = tc.content
		answers := ask(t, operator)
		if len(answers) != 1 {
			t.Fatalf("%s: %d answers", tc.name, len(answers))
		}
		a := answers[0]
		if tc.err != "" {
			if a.Err == nil || !strings.Contains(a.Err.Error(), tc.err) {
				t.Errorf("%s: %v", tc.name, a.Err)
			}
		} else if a.Err != nil || !bytes.Equal(a.Content, tc.content) {
			t.Errorf("%s: %v, %d bytes", tc.name, a.Err, len(a.Content))
		}
	}
}

// What comes from the bus may be anything.
func TestAnAnswerThatCannotBeInflated(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"no s2":          []byte("\x05nonsense"),
		"says it is big": {0xff, 0xff, 0xff, 0xff, 0x0f, 0},
	} {
		m := &nats.Msg{Header: nats.Header{headerEncoding: {encodingS2}}, Data: data}
		if a := newAnswer(m); a.Err == nil || a.Content != nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// A service that may not show itself works all the same.
func TestNotShownWhereTheBusDeniesIt(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "u", Password: "p", Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"$SRV.>", "t.status"}}}},
			{Username: "o", Password: "p", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"t.status"}}}},
		}
	})
	var log logBook
	options := testOptions(strings.Replace(s.url(), "nats://", "nats://u:p@", 1))
	options.Log = slog.New(slog.NewTextHandler(&log, nil))
	c, err := Connect(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	serve(t, c, Service{Name: "drainline-a", Version: "1.0.0", Answer: func() []byte { return nil }})
	eventually(t, "it is logged", func() bool { return strings.Contains(log.String(), "the bus denies what `drainline status`") })
	if err := c.nc.Flush(); err != nil { // all denials have come
		t.Fatal(err)
	}
	if err := c.Healthy(); err != nil || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("%v, logged %s", err, &log)
	}

	// Who may not ask is told so.
	operator := dial(t, strings.Replace(s.url(), "nats://", "nats://o:p@", 1))
	var said error
	eventually(t, "who may not ask is told so", func() bool {
		_, said = operator.Ask(t.Context(), 200*time.Millisecond) // a denial may take longer than that
		return said != nil
	})
	if !strings.Contains(said.Error(), `"t.status"`) {
		t.Error(said)
	}
}

func TestSemanticVersions(t *testing.T) {
	t.Parallel()
	for build, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2.3": "1.2.3", "v1.2.3-rc.1+x": "1.2.3-rc.1+x", "dev": "0.0.0+dev", "": "0.0.0",
		"feature/x y": "0.0.0+feature-x-y", "v0.0.0-20261123155827-9b428ec8e400": "0.0.0-20261123155827-9b428ec8e400", "1.02.3": "0.0.0+1-02-3", "v1.2.3-01": "0.0.0+v1-2-3-01",
	} {
		if got := semantic(build); got != want {
			t.Errorf("%s is %s, want %s", build, got, want)
		}
	}
}
