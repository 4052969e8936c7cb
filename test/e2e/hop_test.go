package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// numberedFrame is a line with a number.
func numberedFrame(n int) []byte { return frame("n=" + strconv.Itoa(n) + "\n") }

// durable makes a consumer that gives a message to somebody else sooner than Drainline
// would have it.
func (b *bus) durable(stream, name string, wait time.Duration) {
	b.t.Helper()
	_, err := b.js.CreateOrUpdateConsumer(b.t.Context(), stream, jetstream.ConsumerConfig{
		Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: wait, MaxAckPending: 4096, MaxDeliver: -1,
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// queue makes a stream that Drainline would make otherwise.
func (b *bus) queue(name, subject string, maxBytes int64, window time.Duration) {
	b.t.Helper()
	_, err := b.js.CreateOrUpdateStream(b.t.Context(), jetstream.StreamConfig{
		Name: name, Subjects: []string{subject}, Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew,
		MaxBytes: maxBytes, Duplicates: window,
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// messages is how many a stream holds.
func (b *bus) messages(stream string) uint64 {
	b.t.Helper()
	s, err := b.js.Stream(b.t.Context(), stream)
	if err != nil {
		b.t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// waiting has ingest store blocks for transforms that come later, and that lose what
// they hold after a while. It returns their settings.
func (b *bus) waiting(url string, blocks int, wait time.Duration) (settings []string, ingest *process) {
	b.t.Helper()
	b.queue("drainline_raw_s0", "drainline.raw.s0", 1<<20, time.Minute)
	b.durable("drainline_raw_s0", "transform", wait)
	settings = append(to("http://127.0.0.1:1"), "bus.url="+url)
	ingest = service(b.t, "ingest", settings...).start(b.t).ready()
	for n := range blocks {
		mustPost(b.t, ingest.drainURL(secret), numberedFrame(n), "Logplex-Frame-Id", strconv.Itoa(n))
	}
	return settings, ingest
}

// Transform is killed after it has stored what blocks became, and before it could
// acknowledge any: the server takes no acks of it. The next one does the blocks again,
// and what they become is stored once.
func TestTransformIsKilledBetweenPublishAndAck(t *testing.T) {
	t.Parallel()
	const blocks = 20
	const acks = `"$JS.ACK.>"`
	nats, url := startNATS(t, `authorization {users: [{user: "u", password: "p", permissions: {publish: {deny: [`+acks+`]}}}]}
no_auth_user: "u"`)
	b := lookAt(t, url)
	settings, _ := b.waiting(url, blocks, 2*time.Second)

	killed := service(t, "transform", settings...).start(t).ready()
	eventually(t, "all is published", func() bool { return b.messages("drainline_events_splunk") == blocks })
	killed.kill()
	if n := b.messages("drainline_raw_s0"); n != blocks {
		t.Fatalf("%d blocks are not acknowledged, want %d", n, blocks)
	}

	file := nats.args[len(nats.args)-1]
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	replaceFile(t, file, strings.Replace(string(content), acks, `"nothing"`, 1))
	nats.signal(syscall.SIGHUP)
	nats.line(`.*Reloaded server configuration.*`)
	service(t, "transform", settings...).start(t).ready()
	eventually(t, "the blocks are done again", func() bool { return b.messages("drainline_raw_s0") == 0 })
	if n := b.messages("drainline_events_splunk"); n != blocks {
		t.Errorf("%d batches are stored, want %d", n, blocks)
	}
}

// One of two destinations is full for longer than the window in which its server knows
// ids again. The other gets every event once, and so does the full one in the end.
func TestOneDestinationIsFullForLong(t *testing.T) {
	t.Parallel()
	const blocks, window = 10, time.Second
	_, url := startNATS(t, "")
	b := lookAt(t, url)
	b.queue("drainline_events_a", "drainline.events.a", 1<<20, window)
	b.queue("drainline_events_b", "drainline.events.b", 2<<10, window)
	settings := []string{"bus.url=" + url}
	for _, name := range []string{"a", "b"} {
		settings = append(settings, "destinations."+name+".urls=http://127.0.0.1:1", "destinations."+name+".token=t")
	}
	service(t, "transform", settings...).start(t).ready()
	ingest := service(t, "ingest", settings...).start(t).ready()
	for n := range blocks {
		mustPost(t, ingest.drainURL(secret), numberedFrame(n), "Logplex-Frame-Id", strconv.Itoa(n))
	}
	full := time.Time{}
	eventually(t, "one has gone on while the other is full, for three times the window", func() bool {
		if full.IsZero() && b.messages("drainline_events_b") > 0 && b.messages("drainline_events_a") > b.messages("drainline_events_b") {
			full = time.Now()
		}
		return !full.IsZero() && time.Since(full) > 3*window
	})
	if n := b.messages("drainline_events_b"); n == blocks {
		t.Fatal("nothing is full")
	}
	b.queue("drainline_events_b", "drainline.events.b", 1<<20, window)
	eventually(t, "all is done", func() bool { return b.messages("drainline_raw_s0") == 0 })
	for _, name := range []string{"a", "b"} {
		if n := b.messages("drainline_events_" + name); n != blocks {
			t.Errorf("destination %s has %d batches, want %d", name, n, blocks)
		}
	}
}

// A block that kills whoever takes it is found out, and becomes a dead letter; those
// beside it are carried on.
func TestABlockThatKills(t *testing.T) {
	t.Parallel()
	const blocks, deaths = 5, 30
	_, url := startNATS(t, "")
	b := lookAt(t, url)
	settings, ingest := b.waiting(url, blocks, 500*time.Millisecond)
	mustPost(t, ingest.drainURL(secret), frame("drainline: crash here\n"), "Logplex-Frame-Id", "deadly")

	mortal := service(t, "transform", settings...)
	mortal.program, mortal.graceful = crashing, false
	p := mortal.start(t)
	died := 0
	eventually(t, "the block is a dead letter and the others are not", func() bool {
		if p.hasEnded() {
			if died++; died > deaths {
				t.Fatalf("died %d times, and the block is not found out", died)
			}
			p = p.again()
		}
		return b.messages("drainline_raw_s0") == 0
	})
	p.ready()
	if got, want := fmt.Sprint(b.dead()), "map[transform.crashes_consumer:1]"; got != want {
		t.Errorf("dead letters %s, want %s", got, want)
	}
	if n := b.messages("drainline_events_splunk"); n != blocks {
		t.Errorf("%d batches, want %d", n, blocks)
	}
	if died == 0 {
		t.Error("nobody died")
	}
}
