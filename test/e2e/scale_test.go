package e2e

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

const (
	// eventsEach is how many events a message on the bus has here, and a HEC request.
	eventsEach = 20
	// flights is how many requests one shipper has in flight.
	flights = 2

	eventsStream = "drainline_events_splunk"
)

// Each shipper beside the others adds its requests in flight, which is what it takes
// when Splunk is what takes time, and has its part of the work.
func TestShippersShareTheWork(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 4} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			// Far more than all of them fetch ahead, so that it is their pace that counts.
			messages := 300 * n
			f := newFleet(t)
			f.fill(messages)
			f.splunk.SetFault(func(*http.Request) *splunk.Response { return &splunk.Response{Delay: 50 * time.Millisecond} })
			shippers := make([]*member, n)
			for i := range shippers {
				shippers[i] = f.join(unanswered)
			}
			eventually(t, "each has its hands full", func() bool { return f.flying() == n*flights })
			for _, s := range shippers {
				s.answer()
			}
			f.bus.settle()
			f.expect(0)
			if most := f.most(); most > n*flights {
				t.Errorf("%d requests were in flight, want %d", most, n*flights)
			}
			for i, s := range shippers {
				if taken := s.requests.Load(); taken < int64(messages/(2*n)) {
					t.Errorf("shipper %d has sent %d of %d requests", i, taken, messages)
				}
			}
		})
	}
}

// A shipper that comes late finds work, although the first has fetched ahead and gets
// no answer to anything.
func TestANewcomerFindsWork(t *testing.T) {
	t.Parallel()
	const messages = 1_200
	f := newFleet(t)
	f.fill(messages)
	first := f.join(unanswered)
	eventually(t, "the first one has its hands full", func() bool { return f.flying() == flights })
	newcomer := f.join(answered)
	eventually(t, "the newcomer has done half of all", func() bool { return newcomer.requests.Load() >= messages/2 })
	first.answer()
	f.bus.settle()
	f.expect(0)
	t.Logf("the first sent %d requests, the newcomer %d", first.requests.Load(), newcomer.requests.Load())
}

// What a killed shipper held goes to another once its server has waited for it. Only
// what was indexed without an answer is indexed again.
func TestAShipperIsKilled(t *testing.T) {
	t.Parallel()
	const messages, wait = 300, 5 * time.Second
	f := newFleet(t, wait)
	f.fill(messages)
	victim := f.join(unanswered)
	eventually(t, "it has its hands full", func() bool { return f.flying() == flights })
	heir := f.join(answered)
	victim.kill()
	killed := time.Now()
	f.bus.settle()
	t.Logf("all is done %v after the kill, where the server waits %v", time.Since(killed), wait)
	f.expect(flights * eventsEach)
	if n := heir.requests.Load(); n != messages {
		t.Errorf("the other one has sent %d requests, want %d", n, messages)
	}
}

// fleet is shippers on one durable consumer, before one Splunk.
type fleet struct {
	t        *testing.T
	bus      *bus
	url      string // of the NATS server
	splunk   *splunk.Splunk
	accepted ledger

	mu        sync.Mutex
	now, peak int // requests in flight of all shippers
}

// newFleet starts with nobody in it. The server may wait shorter for a shipper's ack
// than Drainline would have it.
func newFleet(t *testing.T, ackWait ...time.Duration) *fleet {
	t.Helper()
	f := &fleet{t: t, splunk: splunk.New(splunk.Options{Tokens: map[string]splunk.Token{splunkToken: {}}})}
	_, f.url = startNATS(t, "")
	f.bus = lookAt(t, f.url)
	for _, wait := range ackWait {
		f.bus.queue(eventsStream, "drainline.events.splunk", 64<<20, time.Minute)
		f.bus.durable(eventsStream, "shipper", wait)
	}
	return f
}

// fill puts messages on the bus, each enough for one HEC request.
func (f *fleet) fill(messages int) {
	f.t.Helper()
	settings := append(to("http://127.0.0.1:1"), "bus.url="+f.url)
	transform := service(f.t, "transform", settings...).start(f.t).ready()
	ingest := service(f.t, "ingest", settings...).start(f.t).ready()
	// One drain sends one request after the other, of which each becomes one message.
	f.accepted = send(f.t, ingest.drainURL(secret), "--count", strconv.Itoa(messages*eventsEach),
		"--frames", strconv.Itoa(eventsEach)).accepted()
	eventually(f.t, "everything is transformed", func() bool { return f.bus.messages("drainline_raw_s0") == 0 })
	ingest.stop()
	transform.stop()
}

// expect compares what was accepted with what is indexed.
func (f *fleet) expect(duplicates int64) {
	f.t.Helper()
	sightings := f.splunk.Ledger()
	if missing := sightings.Missing(slices.Collect(maps.Keys(f.accepted))); len(missing) > 0 {
		f.t.Errorf("%d of %d events are lost, such as %s", len(missing), len(f.accepted), missing[0])
	}
	if n := sightings.Duplicates(); n > duplicates {
		f.t.Errorf("%d events are indexed again, where %d may be", n, duplicates)
	}
	for _, breach := range f.splunk.Violations() {
		f.t.Errorf("Splunk was sent what a careful client does not send: %s", breach)
	}
}

// flying is how many requests are in flight.
func (f *fleet) flying() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// most is how many were at a time.
func (f *fleet) most() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peak
}

func (f *fleet) count(step int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now += step
	f.peak = max(f.peak, f.now)
}

// member is one shipper, which reaches Splunk by a URL that no other has.
type member struct {
	*process

	requests atomic.Int64 // that were answered
	answer   func()       // to what waits for it, and to everything from now on
}

// Whether a member's requests are answered from the beginning; they are indexed in
// any case.
const (
	answered   = true
	unanswered = false
)

// join starts a shipper.
func (f *fleet) join(isAnswered bool) *member {
	f.t.Helper()
	answers := make(chan struct{})
	m := &member{answer: sync.OnceFunc(func() { close(answers) })}
	if isAnswered {
		m.answer()
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			f.splunk.ServeHTTP(w, r)
			return
		}
		f.count(1)
		defer f.count(-1)
		late := httptest.NewRecorder()
		f.splunk.ServeHTTP(late, r)
		select {
		case <-answers:
		case <-r.Context().Done():
			return
		}
		m.requests.Add(1)
		maps.Copy(w.Header(), late.Header())
		w.WriteHeader(late.Code)
		_, _ = late.Body.WriteTo(w) // fails when the client is gone
	}))
	f.t.Cleanup(server.Close)
	f.t.Cleanup(m.answer) // nobody waits when the test has failed
	m.process = service(f.t, "shipper", append(to(server.URL), "bus.url="+f.url, "destinations.splunk.timeout=5m",
		"destinations.splunk.batch.max_events="+strconv.Itoa(eventsEach),
		"destinations.splunk.concurrency.max="+strconv.Itoa(flights), "destinations.splunk.concurrency.adaptive=false")...).start(f.t).ready()
	return m
}
