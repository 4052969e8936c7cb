package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// R2, R3: a retry is the same credential, drain token and frame id.
func TestRetriesAreStoredOnce(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Ingest.Logplex.Credentials["team_b"] = config.Credential{Secret: "another"}
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	for _, c := range []struct {
		name   string
		h      http.Header
		body   string
		stored int
	}{
		{"first", headers(), "N1", 1},
		{"the same", headers(), "N1", 0},
		{"another body", headers(), "N2", 0},
		{"another count", headers("Logplex-Msg-Count", "7"), "N1", 0},
		{"another drain token", headers("Logplex-Drain-Token", "d.2"), "N1", 1},
		{"no drain token", headers("Logplex-Drain-Token", "-"), "N1", 1},
		{"another frame id", headers("Logplex-Frame-Id", "2"), "N1", 1},
		{"another credential", headers("Authorization", basic(":another")), "N1", 1},
		{"neither frame id nor request id", headers("Logplex-Frame-Id", "-"), "N1", 1},
		{"and again", headers("Logplex-Frame-Id", "-"), "N1", 1},
		{"request id of a frame known", headers("X-Request-Id", "1"), "N1", 0},
	} {
		before := len(stored(t, conn))
		if got := i.post(c.h, logplextest.Body(t, c.body)); got != 204 {
			t.Errorf("%s: answered %d", c.name, got)
		}
		if got := len(stored(t, conn)) - before; got != c.stored {
			t.Errorf("%s: stored %d times", c.name, got)
		}
	}
}

// R4: of a retry that begins with a new notice of loss, only the notice is new.
func TestRetryWithNewNotice(t *testing.T) {
	t.Parallel()
	i, conn := start(t)
	notice, n1 := logplextest.Body(t, "N5"), logplextest.Body(t, "N1")
	later := bytes.Replace(notice, []byte(": 1 messages"), []byte(": 2 messages"), 1)
	for _, body := range [][]byte{
		n1,
		append(slices.Clip(notice), n1...),
		append(slices.Clip(later), n1...),
		append(slices.Clip(later), n1...),
		n1,
	} {
		if got := i.post(headers(), body); got != 204 {
			t.Errorf("answered %d", got)
		}
	}
	var got []string
	for _, r := range stored(t, conn) {
		got = append(got, string(r.GetBody()))
	}
	if want := []string{string(n1), string(notice), string(later)}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("stored %q", got)
	}
	if got := i.Counts().Duplicates.Load(); got != 5 {
		t.Errorf("counted %d duplicates", got)
	}
}

// Frames of a body that is larger than a block keep their order and position.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	i, conn := start(t)
	body := logplextest.Body(t, "N5")
	for n := range 300 {
		body = append(body, line(fmt.Sprintf("%d %s", n, strings.Repeat("x", 9000)))...)
	}
	body = append(body, bytes.Repeat([]byte("0"), 600<<10)...)
	for range 2 {
		if got := i.post(headers(), body); got != 204 {
			t.Fatalf("answered %d", got)
		}
	}
	var joined []byte
	first := uint32(0)
	for n, r := range stored(t, conn) {
		if len(r.GetBody()) > wire.MaxBlock {
			t.Errorf("part %d has %d bytes", n, len(r.GetBody()))
		}
		if r.GetFirstFrame() < first || (n > 0) != (r.GetFirstFrame() > 0) {
			t.Errorf("part %d begins at frame %d", n, r.GetFirstFrame())
		}
		first = r.GetFirstFrame()
		joined = append(joined, r.GetBody()...)
	}
	if !bytes.Equal(joined, body) {
		t.Errorf("stored %d bytes of %d", len(joined), len(body))
	}
	if first != 301 {
		t.Errorf("what is no frame stands at %d", first)
	}
	if got := i.Counts().Unframed.Load(); got != 600<<10 {
		t.Errorf("counted %d bytes that are no frames", got)
	}
}

func TestInstancesTellEachOther(t *testing.T) {
	t.Parallel()
	c := settings()
	s := nats(t, t.TempDir(), -1)
	conn := connect(t, s, c)
	one := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	other := run(t, open(t, ingest.Options{Config: c, Bus: connect(t, s, c)}))
	if got := one.post(headers(), logplextest.Body(t, "N3")); got != 204 {
		t.Fatalf("answered %d", got)
	}
	eventually(t, "the other instance knows", func() bool { return other.Remembered() == 1 })
	if got := other.post(headers(), logplextest.Body(t, "N3")); got != 204 {
		t.Errorf("answered %d", got)
	}
	// A retry may begin with a notice of what was lost meanwhile.
	withNotice := append(logplextest.Body(t, "N5"), logplextest.Body(t, "N3")...)
	if got := other.post(headers("Logplex-Msg-Count", "3"), withNotice); got != 204 {
		t.Errorf("answered %d", got)
	}
	eventually(t, "the first instance knows of the notice", func() bool { return one.Remembered() == 2 })
	if got := one.post(headers("Logplex-Msg-Count", "3"), withNotice); got != 204 {
		t.Errorf("answered %d", got)
	}
	var bodies []string
	for _, r := range stored(t, conn) {
		bodies = append(bodies, string(r.GetBody()))
	}
	if want := []string{string(logplextest.Body(t, "N3")), string(logplextest.Body(t, "N5"))}; fmt.Sprint(bodies) != fmt.Sprint(want) {
		t.Errorf("stored %q", bodies)
	}
	if first, second := one.Counts().Duplicates.Load(), other.Counts().Duplicates.Load(); first != 2 || second != 2 {
		t.Errorf("counted %d and %d duplicates", first, second)
	}
}

// A body of several blocks is recognised by the other instance in all its parts.
func TestLargeRetryAtAnotherInstance(t *testing.T) {
	t.Parallel()
	c := settings()
	s := nats(t, t.TempDir(), -1)
	conn := connect(t, s, c)
	one := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	other := run(t, open(t, ingest.Options{Config: c, Bus: connect(t, s, c)}))
	body := bytes.Repeat(line(strings.Repeat("x", 9_900)), 150)
	if got := one.post(headers(), body); got != 204 {
		t.Fatalf("answered %d", got)
	}
	eventually(t, "the other instance knows", func() bool { return other.Remembered() == one.Remembered() })
	if got := other.post(headers(), append(logplextest.Body(t, "N5"), body...)); got != 204 {
		t.Errorf("answered %d", got)
	}
	var joined []byte
	for _, r := range stored(t, conn) {
		joined = append(joined, r.GetBody()...)
	}
	if want := append(slices.Clip(body), logplextest.Body(t, "N5")...); !bytes.Equal(joined, want) {
		t.Errorf("stored %d bytes of %d", len(joined), len(want))
	}
}

func TestBroadcastsThatAreNone(t *testing.T) {
	t.Parallel()
	id := wire.RandomID()
	for _, c := range []struct {
		payload []byte
		ids     int
	}{
		{nil, 0},
		{id[:], 1},
		{append(id[:], id[:]...), 2},
		{id[:15], 0},
		{append(id[:], 'x'), 0},
	} {
		if got := len(ingest.IDs(c.payload)); got != c.ids {
			t.Errorf("%d ids in %d bytes", got, len(c.payload))
		}
	}
}

func TestRestartRemembersWhatIsOnTheBus(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Bus.Raw.Shards = 2
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	before := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	const drains = 8 // enough for both shards
	post := func(i *instance) {
		for n := range drains {
			if got := i.post(headers("Logplex-Drain-Token", fmt.Sprintf("d.%d", n)), logplextest.Body(t, "N1")); got != 204 {
				t.Fatalf("answered %d", got)
			}
		}
	}
	post(before)
	if err := before.stop(); err != nil {
		t.Fatal(err)
	}
	after := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	if got := after.Remembered(); got != drains {
		t.Errorf("remembers %d requests", got)
	}
	post(after)
	if got := after.Counts().Duplicates.Load(); got != drains {
		t.Errorf("recognised %d", got)
	}
	if got := len(stored(t, conn)); got == 0 || got == drains {
		t.Errorf("%d of %d drains in the first of two shards", got, drains)
	}
}

// full makes a bus whose stream has room for one random body of 3 kB, and has
// had one.
func full(t *testing.T) (*instance, *bus.Conn) {
	t.Helper()
	c := settings()
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	narrow(t, conn)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	if got := i.post(headers("Logplex-Frame-Id", "0"), incompressible()); got != 204 {
		t.Fatalf("answered %d", got)
	}
	return i, conn
}

// narrow leaves the stream room for 4 KiB, widen gives it back.
func narrow(t *testing.T, conn *bus.Conn) {
	t.Helper()
	resize(t, conn, wire.Shard(0), 4<<10)
}

func widen(t *testing.T, conn *bus.Conn) {
	t.Helper()
	resize(t, conn, wire.Shard(0), 1<<30)
}

func resize(t *testing.T, conn *bus.Conn, shard string, maxBytes int64) {
	t.Helper()
	s, err := conn.JetStream().Stream(t.Context(), conn.Names().RawStream(shard))
	if err != nil {
		t.Fatal(err)
	}
	resized := s.CachedInfo().Config
	resized.MaxBytes = maxBytes
	if _, err := conn.JetStream().UpdateStream(t.Context(), resized); err != nil {
		t.Fatal(err)
	}
}

func incompressible() []byte {
	var text strings.Builder
	for text.Len() < 3000 {
		text.WriteByte(byte(' ' + rand.N(200)))
	}
	return line(text.String())
}

func empty(t *testing.T, conn *bus.Conn) {
	t.Helper()
	s, err := conn.JetStream().Stream(t.Context(), conn.Names().RawStream("s0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// R19: what was answered 503 may still be stored, and is then known to be.
func TestFullStream(t *testing.T) {
	t.Parallel()
	i, conn := full(t)
	body := incompressible()
	for range 2 {
		if got := i.post(headers(), body); got != 503 {
			t.Errorf("answered %d while the stream is full", got)
		}
	}
	if got := i.Counts().Unavailable.Load(); got != 2 {
		t.Errorf("counted %d", got)
	}
	empty(t, conn)
	eventually(t, "the late request is stored", func() bool { return len(stored(t, conn)) == 1 })
	if got := i.post(headers(), body); got != 204 {
		t.Errorf("answered %d after it was stored", got)
	}
	if got := stored(t, conn); len(got) != 1 || !bytes.Equal(got[0].GetBody(), body) {
		t.Errorf("stored %d times", len(got))
	}
	if got := i.Counts().Frames.Load(); got != 2 {
		t.Errorf("counted %d frames", got)
	}
}

// A retry that comes while its first try is on its way has the same outcome.
func TestRetryWaitsForTheFirstTry(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Ingest.Hold = 4 * time.Second
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	narrow(t, conn)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	if got := i.post(headers("Logplex-Frame-Id", "0"), incompressible()); got != 204 {
		t.Fatalf("answered %d", got)
	}
	answers := make(chan int)
	body := incompressible()
	for range 4 {
		go func() { answers <- i.post(headers(), body) }()
	}
	eventually(t, "all have come", func() bool { return i.Counts().Requests.Load() == 5 })
	empty(t, conn)
	for range 4 {
		if got := <-answers; got != 204 {
			t.Errorf("answered %d", got)
		}
	}
	if got := len(stored(t, conn)); got != 1 {
		t.Errorf("stored %d times", got)
	}
}

// Requests behind a block that stalls were never on their way: they are not
// stored later, and a retry is.
func TestRequestsThatWereNotTaken(t *testing.T) {
	t.Parallel()
	i, conn := full(t)
	body := incompressible()
	if got := i.post(headers("Logplex-Frame-Id", "1"), body); got != 503 { // stalls
		t.Errorf("answered %d", got)
	}
	small := logplextest.Body(t, "N1")
	if got := i.post(headers("Logplex-Frame-Id", "2"), small); got != 503 {
		t.Errorf("answered %d", got)
	}
	empty(t, conn)
	eventually(t, "the stalled block is stored", func() bool { return len(stored(t, conn)) == 1 })
	for range 2 {
		if got := i.post(headers("Logplex-Frame-Id", "2"), small); got != 204 {
			t.Errorf("answered %d", got)
		}
	}
	if got := stored(t, conn); len(got) != 2 || !bytes.Equal(got[1].GetBody(), small) {
		t.Errorf("stored %d", len(got))
	}
}

func TestServerThatStops(t *testing.T) {
	t.Parallel()
	c, dir := settings(), t.TempDir()
	s := nats(t, dir, -1)
	conn := connect(t, s, c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	port := s.Addr().(*net.TCPAddr).Port
	s.Shutdown()
	s.WaitForShutdown()
	body := logplextest.Body(t, "N1")
	for range 2 {
		if got := i.post(headers(), body); got != 503 {
			t.Errorf("answered %d while the server is away", got)
		}
	}
	nats(t, dir, port)
	eventually(t, "the late request is stored", func() bool { return i.Counts().Frames.Load() == 1 })
	if got := i.post(headers(), body); got != 204 {
		t.Errorf("answered %d after it was stored", got)
	}
	if got := len(stored(t, conn)); got != 1 {
		t.Errorf("stored %d times", got)
	}
}

// log-shuttle takes any status for delivered.
func TestShuttleIsCutOff(t *testing.T) {
	t.Parallel()
	i, _ := full(t)
	status, text, _, err := i.do(http.MethodPost, "/logs",
		headers("User-Agent", "log-shuttle/x (go1.22; linux; amd64; gc)"), bytes.NewReader(incompressible()))
	if err == nil {
		t.Errorf("answered %d %q", status, text)
	}
	if got := i.Counts().Unavailable.Load(); got != 1 {
		t.Errorf("counted %d", got)
	}
	if err := i.stop(); err != nil { // although the bus never takes the request
		t.Error(err)
	}
}

func TestUnhealthy(t *testing.T) {
	t.Parallel()
	c := settings()
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	healthy := make(chan error, 1000)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn, Healthy: func() error {
		select {
		case err := <-healthy:
			return err
		default:
			return nil
		}
	}}))
	for range cap(healthy) {
		healthy <- context.DeadlineExceeded
	}
	if got := i.post(headers(), logplextest.Body(t, "N1")); got != 503 {
		t.Errorf("answered %d while the disk is full", got)
	}
	if got := len(stored(t, conn)); got != 0 {
		t.Errorf("stored %d", got)
	}
	for range len(healthy) {
		<-healthy
	}
	healthy <- context.DeadlineExceeded // a short trouble is waited for
	if got := i.post(headers(), logplextest.Body(t, "N1")); got != 204 {
		t.Errorf("answered %d", got)
	}
}

// An instance that stops has nobody left to tell, and no reason to wait.
func TestTellingAfterTheEnd(t *testing.T) {
	t.Parallel()
	i, _ := start(t)
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		i.Tell(wire.RandomID())
		i.Told()
	}
}

// A bus that does not answer delays the start by three seconds, however many
// streams it has.
func TestRecallHasOneDeadline(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Bus.Raw.Shards, c.Bus.Raw.MaxBytes = 16, 16<<20
	s := nats(t, t.TempDir(), -1)
	conn := connect(t, s, c)
	s.Shutdown()
	s.WaitForShutdown()
	began := time.Now()
	run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	if took := time.Since(began); took > 16*3*time.Second/2 {
		t.Errorf("the start took %v", took)
	}
}
