package bus

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
)

func storedNumbers(t *testing.T, c *Conn, since time.Time) []int {
	t.Helper()
	var got []int
	if err := c.Stored(soon(t), rawStream, since, func(payload []byte) {
		text, _, _ := strings.Cut(string(payload), " ")
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Error(err)
		}
		got = append(got, n)
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestStoredReadsWhatIsStillThere(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	conn := dial(t, c.url())
	if got := storedNumbers(t, conn, time.Time{}); got != nil {
		t.Errorf("an empty stream has %v", got)
	}
	c.fill(0, 5, 10)
	k := c.consume(c.url())
	var held []*Delivery
	for range 5 {
		d := next(t, k)
		if n := number(t, d); n == 1 || n == 3 {
			d.Ack()
		} else {
			held = append(held, d)
		}
	}
	eventually(t, "two are acknowledged", func() bool { return streamState(t, c.js, rawStream).Msgs == 3 })
	later := time.Now()
	c.fill(5, 2, 10)
	if diff := cmp.Diff([]int{0, 2, 4, 5, 6}, storedNumbers(t, conn, time.Time{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{5, 6}, storedNumbers(t, conn, later)); diff != "" {
		t.Errorf("since: %s", diff)
	}
	if got := storedNumbers(t, conn, time.Now()); got != nil {
		t.Errorf("since now: %v", got)
	}
	for _, d := range append(held, next(t, k), next(t, k)) { // no consumer was disturbed
		if d.Attempts != 1 {
			t.Errorf("message %d has %d attempts", number(t, d), d.Attempts)
		}
		d.Ack()
	}
	eventually(t, "everything is acknowledged", c.empty)
	if got := storedNumbers(t, conn, time.Time{}); got != nil {
		t.Errorf("an emptied stream has %v", got)
	}
}

func TestStoredIsBounded(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	both := rawConfig()
	both.Subjects = append(both.Subjects, "gone")
	stream, err := c.js.UpdateStream(t.Context(), both)
	if err != nil {
		t.Fatal(err)
	}
	c.fill(0, 5, 1)
	for range storedBack - 2 {
		if _, err := c.js.PublishAsync("gone", nil, jetstream.WithStallWait(patience)); err != nil {
			t.Fatal(err)
		}
	}
	c.fill(5, 1, 1)
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSubject("gone")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{4, 5}, storedNumbers(t, dial(t, c.url()), time.Time{})); diff != "" {
		t.Error(diff)
	}
}

func TestStoredNeedsAStream(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	if err := dial(t, c.url()).Stored(soon(t), "nothing", time.Time{}, nil); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("outcome %v", err)
	}
}
