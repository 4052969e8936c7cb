package bus

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
)

func rawMsg(payload string) Msg {
	return Msg{ID: wire.PayloadID([]byte(payload)), Subject: testNames.RawSubject("s0"), Payload: []byte(payload)}
}

func TestPublishSetsIDAndTrace(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	js := s.admin()
	createStreams(t, js, shortWait, rawConfig())
	c := dial(t, s.url())
	m := rawMsg("payload")
	m.Traceparent, m.Tracestate = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "v=1"
	for range 3 { // the same id is the same message
		if err := c.Publish(soon(t), m); err != nil {
			t.Fatal(err)
		}
	}
	all := stored(t, js, rawStream)
	if len(all) != 1 {
		t.Fatalf("%d messages", len(all))
	}
	for header, want := range map[string]string{
		wire.HeaderMsgID: m.ID.String(), wire.HeaderTraceparent: m.Traceparent, wire.HeaderTracestate: m.Tracestate,
	} {
		if got := all[0].Header.Get(header); got != want {
			t.Errorf("%s: %q", header, got)
		}
	}
	if string(all[0].Data) != "payload" {
		t.Errorf("payload %q", all[0].Data)
	}
}

// Whatever is under way when the server goes, and whatever begins while it is
// away, is stored once it is back, once.
func TestPublishOutlivesTheServer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStreams(t, s.admin(), shortWait, rawConfig())
	c := dial(t, s.url())
	const publishers, each = 8, 20
	var (
		running sync.WaitGroup
		done    atomic.Int64
	)
	for p := range publishers {
		running.Go(func() {
			for i := range each {
				if err := c.Publish(soon(t), rawMsg(strings.Repeat("x", p+1)+string(rune('0'+i)))); err != nil {
					t.Error(err)
				}
				done.Add(1)
			}
		})
	}
	for _, after := range []int64{publishers * each / 4, publishers * each / 2} {
		eventually(t, "publishing goes on", func() bool { return done.Load() >= after })
		s.stop()
		eventually(t, "the connection is lost", func() bool { return c.Healthy() != nil })
		s.start()
	}
	running.Wait()
	if got := len(stored(t, s.admin(), rawStream)); got != publishers*each {
		t.Errorf("%d messages stored of %d", got, publishers*each)
	}
}

// An answer that is lost with its connection is not waited for.
func TestPublishRepeatsWhatHadNoAnswer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	js := s.admin()
	createStreams(t, js, shortWait, rawConfig())
	p := startProxy(t, s)
	c := dial(t, p.url())
	p.holdAnswers(true)
	outcome := make(chan error, 1)
	go func() { outcome <- c.Publish(soon(t), rawMsg("once")) }()
	eventually(t, "the message is stored", func() bool { return streamState(t, js, rawStream).Msgs == 1 })
	p.cut()
	if err := <-outcome; err != nil {
		t.Error(err)
	}
	if state := streamState(t, js, rawStream); state.LastSeq != 1 {
		t.Errorf("%d messages", state.LastSeq)
	}
}

// What a caller gave up while the bus was away does not arrive afterwards.
func TestPublishKeepsNothingWhileTheBusIsAway(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStreams(t, s.admin(), shortWait, rawConfig())
	c := dial(t, s.url())
	s.stop()
	eventually(t, "the connection is lost", func() bool { return c.Healthy() != nil })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var retry *RetryError
	if err := c.Publish(ctx, rawMsg("late")); !errors.As(err, &retry) || !errors.Is(err, errAway) {
		t.Errorf("outcome %v", err)
	}
	s.start()
	if err := c.Publish(soon(t), rawMsg("next")); err != nil {
		t.Fatal(err)
	}
	all := stored(t, s.admin(), rawStream)
	if len(all) != 1 || string(all[0].Data) != "next" {
		t.Errorf("%d messages, first %s", len(all), all[0].Data)
	}
}

func TestPublishWaitsForRoom(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	js := s.admin()
	config := rawConfig()
	config.MaxBytes = 64 << 10
	createStreams(t, js, shortWait, config)
	c := dial(t, s.url())
	eventually(t, "the stream is full, and the reason is told", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := c.Publish(ctx, Msg{ID: wire.RandomID(), Subject: testNames.RawSubject("s0"), Payload: make([]byte, 8<<10)})
		var retry *RetryError
		return errors.As(err, &retry) && strings.Contains(err.Error(), "maximum bytes exceeded")
	})
	outcome := make(chan error, 1)
	waits := strings.Repeat("waits", 2<<10)
	go func() { outcome <- c.Publish(soon(t), rawMsg(waits)) }()
	stream, err := js.Stream(t.Context(), rawStream)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-outcome:
		t.Fatalf("published into a full stream: %v", err)
	default:
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-outcome; err != nil {
		t.Error(err)
	}
	if all := stored(t, js, rawStream); len(all) != 1 || string(all[0].Data) != waits {
		t.Errorf("%d messages", len(all))
	}
}

func TestPublishWaitsForAStream(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := dial(t, s.url())
	eventually(t, "the reason is told", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := c.Publish(ctx, rawMsg("nowhere"))
		var retry *RetryError
		return errors.As(err, &retry) && errors.Is(err, jetstream.ErrNoStreamResponse)
	})
	outcome := make(chan error, 1)
	go func() { outcome <- c.Publish(soon(t), rawMsg("somewhere")) }()
	createStreams(t, s.admin(), shortWait, rawConfig())
	if err := <-outcome; err != nil {
		t.Error(err)
	}
}

func TestPublishGivesUpOnWhatCanNeverBeStored(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	js := s.admin()
	config := rawConfig()
	config.MaxMsgSize = 1 << 10
	createStreams(t, js, shortWait, config)
	c := dial(t, s.url())
	for _, c2 := range []struct {
		name string
		msg  Msg
	}{
		{"over the server's max_payload", Msg{Subject: testNames.RawSubject("s0"), Payload: make([]byte, 1<<20+1)}},
		{"over the stream's max_msg_size", Msg{Subject: testNames.RawSubject("s0"), Payload: make([]byte, 2<<10)}},
		{"headers over 64 KiB", Msg{Subject: testNames.RawSubject("s0"), Tracestate: strings.Repeat("x", 65<<10)}},
		{"no subject", Msg{Payload: []byte("x")}},
	} {
		var permanent *PermanentError
		if err := c.Publish(soon(t), c2.msg); !errors.As(err, &permanent) {
			t.Errorf("%s: %v", c2.name, err)
		}
	}
}

func TestPublishEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := dial(t, s.url())
	outcome := make(chan error, 1)
	go func() { outcome <- c.Publish(context.Background(), rawMsg("no stream takes this")) }()
	c.Close()
	var retry *RetryError
	if err := <-outcome; !errors.As(err, &retry) || !errors.Is(err, ErrClosed) {
		t.Errorf("outcome %v", err)
	}
}
