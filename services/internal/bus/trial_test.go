package bus

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// A trial says what a user may do, and leaves a stream and its consumer as they are.
func TestTrial(t *testing.T) {
	t.Parallel()
	pull, ack := "$JS.API.CONSUMER.MSG.NEXT."+rawStream+"."+durable, "$JS.ACK."+rawStream+".>"
	s := startServer(t, func(o *server.Options) {
		user := func(name string, deny, hear []string) *server.User {
			u := restricted(deny...)[0]
			u.Username = name
			u.Permissions.Subscribe = &server.SubjectPermission{Deny: hear}
			return u
		}
		o.Users = []*server.User{
			user("all", nil, nil), user("mute", []string{testNames.RawSubject("s0")}, nil), user("nopull", []string{pull}, nil),
			user("noack", []string{ack}, nil), user("deaf", nil, []string{"_INBOX_>", "_INBOX_test.>"}),
		}
	})
	as := func(user string) *Conn { return dial(t, strings.Replace(s.url(), "nats://", "nats://"+user+":p@", 1)) }
	all := as("all")
	stream, err := all.js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: rawStream, Subjects: []string{testNames.RawSubject("s0")}, Retention: jetstream.WorkQueuePolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: durable, AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	if err := all.Publish(t.Context(), rawMsg("kept")); err != nil {
		t.Fatal(err)
	}
	f := func(user string, try func(*Conn) error, want error) {
		t.Helper()
		if err := try(as(user)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", user, err, want)
		}
	}
	publish := func(subject string) func(*Conn) error {
		return func(c *Conn) error { return c.TryPublish(t.Context(), subject) }
	}
	consume := func(consumer string) func(*Conn) error {
		return func(c *Conn) error { return c.TryConsume(t.Context(), rawStream, consumer) }
	}
	here := testNames.RawSubject("s0")
	f("all", publish(here), nil)
	f("all", publish("t.elsewhere"), ErrNobody)
	f("all", consume(durable), nil)
	f("all", consume("missing"), ErrNobody)
	f("mute", publish(here), ErrDenied)
	f("mute", consume(durable), nil)
	f("nopull", consume(durable), ErrDenied)
	f("noack", consume(durable), ErrDenied)
	f("deaf", publish(here), ErrDenied)

	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := stream.Consumer(t.Context(), durable)
	if err != nil {
		t.Fatal(err)
	}
	if got := consumer.CachedInfo(); info.State.LastSeq != 1 || info.State.Msgs != 1 || got.NumPending != 1 || got.Delivered.Consumer != 0 {
		t.Errorf("a trial changed something: %+v, %+v", info.State, got)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := dial(t, s.url())
	version, answers, err := c.Server(t.Context())
	if err != nil || version != server.VERSION || answers <= 0 {
		t.Errorf("version %q in %v: %v", version, answers, err)
	}
	s.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := c.Server(ctx); err == nil {
		t.Error("a server that is gone answers")
	}
}
