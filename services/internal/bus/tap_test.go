package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/drainline/drainline/proto/wire"
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
	m.Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	if err := dial(t, c.url()).Publish(soon(t), m); err != nil {
		t.Fatal(err)
	}
	got, err := h.Next(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Heard{ID: m.ID, Subject: m.Subject, Traceparent: m.Traceparent, Payload: m.Payload}, got); diff != "" {
		t.Error(diff)
	}
	k := c.consume(c.url())
	for i := range 2 {
		d := next(t, k)
		if number(t, d) != i || d.Attempts != 1 {
			t.Errorf("message %d came as number %d, %d times", i, number(t, d), d.Attempts)
		}
		d.Ack()
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
		if want := fmt.Sprintf("%d \x00", i); string(m.Payload) != want {
			t.Fatalf("%q instead of %q", m.Payload, want)
		}
	}
	c.fill(2*tapMessages, 1, 1)
	if m, err := h.Next(soon(t)); err != nil || string(m.Payload) != fmt.Sprintf("%d \x00", 2*tapMessages) {
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
	if m, err := h.Next(soon(t)); err != nil || m.ID != wire.PayloadID([]byte("x")) {
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
