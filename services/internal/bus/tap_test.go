package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

func tap(t *testing.T, c *Conn, subject string) *Tap {
	t.Helper()
	h, err := c.Tap(soon(t), subject)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func TestATapHearsWhatIsPublishedAndTakesNothing(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	c.fill(0, 1, 1) // before anybody listens
	conn := dial(t, c.url())
	h := tap(t, conn, testNames.RawSubjects())
	m := rawMsg("1 ")
	if err := dial(t, c.url()).Publish(soon(t), m); err != nil {
		t.Fatal(err)
	}
	got, err := h.Next(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, m.Payload) {
		t.Errorf("%q instead of %q", got, m.Payload)
	}
	k := c.consume(c.url())
	came := map[int]int{} // in no order: fetches overlap
	for range 2 {
		d := next(t, k)
		came[number(t, d)] += d.Attempts
		d.Ack()
	}
	if !maps.Equal(came, map[int]int{0: 1, 1: 1}) {
		t.Errorf("messages and their attempts: %v", came)
	}
	over, end := context.WithCancelCause(t.Context())
	end(errStopped)
	if _, err := h.Next(over); !errors.Is(err, errStopped) {
		t.Errorf("ended with %v", err)
	}
}

var errStopped = errors.New("stopped")

// Nobody who publishes waits for a tap that nobody looks at.
func TestATapIsBounded(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	h := tap(t, dial(t, c.url()), testNames.RawSubjects())
	const more = 50
	c.fill(0, tapMessages+more, 1)
	eventually(t, "what is too much is counted", func() bool { return h.Missed() == more })
	for i := range tapMessages {
		m, err := h.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%d \x00", i); string(m) != want {
			t.Fatalf("%q instead of %q", m, want)
		}
	}
	c.fill(2*tapMessages, 1, 1)
	if m, err := h.Next(soon(t)); err != nil || string(m) != fmt.Sprintf("%d \x00", 2*tapMessages) {
		t.Errorf("afterwards %v, %v", m, err)
	}
}

func TestATapOutlivesTheServer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStreams(t, s.admin(), shortWait, rawConfig())
	c := dial(t, s.url())
	h := tap(t, c, testNames.RawSubjects())
	before := c.Connects()
	s.stop()
	s.start()
	eventually(t, "the connection is back", func() bool { return c.Connects() > before })
	if err := dial(t, s.url()).Publish(soon(t), rawMsg("x")); err != nil {
		t.Fatal(err)
	}
	if m, err := h.Next(soon(t)); err != nil || string(m) != "x" {
		t.Errorf("%v, %v", m, err)
	}
}

func TestATapThatMayNotListenSaysSo(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
			Subscribe: &server.SubjectPermission{Deny: []string{testNames.RawSubjects()}},
		}}}
	})
	h := tap(t, dial(t, s.urlAs("u", "p")), testNames.RawSubjects())
	if _, err := h.Next(soon(t)); err == nil || !strings.HasPrefix(err.Error(), "bus denies: ") {
		t.Errorf("%v", err)
	}
}
