package shipper

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// ackWait has the bus give a message to somebody else sooner.
func (f *fixture) ackWait(wait time.Duration) {
	f.t.Helper()
	name := f.conn.Names().EventsStream("splunk")
	k, err := f.conn.JetStream().Consumer(f.t.Context(), name, wire.ShipperConsumer)
	if err != nil {
		f.t.Fatal(err)
	}
	c := k.CachedInfo().Config
	c.AckWait = wait
	if _, err := f.conn.JetStream().UpdateConsumer(f.t.Context(), name, c); err != nil {
		f.t.Fatal(err)
	}
}

func isParked(s running) bool {
	_, why := s.destinations["splunk"].parking.state()
	return why != nil
}

// However often it was parked with a backlog, it goes on, and nothing of that backlog is
// taken for what kills those who take it.
func TestParksAgainAndAgain(t *testing.T) { // not beside others: it parks as often as the server gives back what was released
	const parks = 8
	c := collect(t, splunk.Options{})
	c.SetFault(forbidden)
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, Concurrency: config.Concurrency{Max: 1}, Batch: config.Batch{MaxEvents: 10},
	}})
	for range 200 {
		f.publish("splunk", 20)
	}
	s := f.start()
	for range parks {
		f.await("it is parked, and nothing is in flight", func() bool { return isParked(s) && s.destinations["splunk"].flying.Load() == 0 })
		before := c.Count()
		c.SetFault(nil)
		f.await("it goes on", func() bool { return c.Count() > before })
		c.SetFault(forbidden)
	}
	c.SetFault(nil)
	f.awaitAcked("splunk")
	c.wantOnce(t, 4000)
	if n := f.log.count("alone"); n > 0 {
		t.Errorf("%d messages were processed alone", n)
	}
}

// What a parked destination holds of a delivery that was taken in part stays its own for
// longer than AckWait.
func TestParkedKeepsAlive(t *testing.T) {
	t.Parallel()
	const wait = time.Second
	c := collect(t, splunk.Options{})
	var posts atomic.Int64
	c.SetFault(func(r *http.Request) *splunk.Response {
		if posts.Add(1) > 1 {
			return forbidden(r)
		}
		return nil
	})
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, Concurrency: config.Concurrency{Max: 1}, Batch: config.Batch{MaxEvents: 50},
	}})
	f.ackWait(wait)
	f.publish("splunk", 100)
	s := f.start()
	f.await("it is parked", func() bool { return isParked(s) })
	parked := time.Now()
	f.await("AckWait is over three times", func() bool { return time.Since(parked) > 3*wait })
	c.SetFault(nil)
	f.awaitAcked("splunk")
	c.wantOnce(t, 100)
}

// A firewall that dislikes one line holds up no other for long.
func TestFirewall(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	wall := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || strings.Contains(string(body), "/etc/passwd") {
			http.Error(w, "<html>Forbidden</html>", http.StatusForbidden)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		c.ServeHTTP(w, r)
	}))
	t.Cleanup(wall.Close)
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{wall.URL}, Batch: config.Batch{MaxEvents: 100}}})
	for range 10 {
		f.publish("splunk", 100, func(n int, e *wire.Event) {
			if n == 50 {
				e.Text = append(e.Text, " GET /etc/passwd"...)
			}
		})
	}
	f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 1000, 50)
	if dead := f.buried()["hec_http_403"]; len(dead) != 1 {
		t.Errorf("dead letters %v", f.buried())
	}
}

// The probe is made as requests with events are: what is refused for how it is made stays
// parked, and does not come and go.
func TestParkedForHowRequestsAreMade(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	var posts atomic.Int64
	c.SetFault(func(r *http.Request) *splunk.Response {
		if r.Header.Get("Content-Encoding") == "" {
			return nil
		}
		posts.Add(1)
		page := splunk.HTML(http.StatusUnsupportedMediaType)
		return &page
	})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Gzip: true}})
	f.publish("splunk", 100)
	s := f.start()
	f.await("it was probed many times", func() bool { return posts.Load() > 10 })
	if n := s.Counts().Requests; n != 1 || !isParked(s) {
		t.Errorf("%d requests with events", n)
	}
	d := f.config.Destinations["splunk"]
	d.Gzip = false
	reload(t, s, &config.Config{Destinations: map[string]config.Destination{"splunk": d}})
	f.awaitAcked("splunk")
	c.wantOnce(t, 100)
}

// Events that were taken without the acknowledgement that there has to be are not sent
// again and again.
func TestTakenWithoutAck(t *testing.T) {
	t.Parallel()
	with, _ := balanced(t, 1, splunk.StickyConnection, splunk.Options{})
	without := collect(t, splunk.Options{})
	both := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/ack") || r.ContentLength == 0 {
			with.ServeHTTP(w, r) // as the probe sees it, all is well
		} else {
			without.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(both.Close)
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{both.URL}, Ack: config.AckOn, Retry: config.Retry{Max: time.Hour}}})
	f.publish("splunk", 100)
	s := f.start()
	f.await("it is parked", func() bool { return isParked(s) })
	s.stop()
	if n := without.Count(); n != 100 || s.Counts().PossibleDuplicates != 100 {
		t.Errorf("%d events were sent, %d count as possible duplicates", n, s.Counts().PossibleDuplicates)
	}
}

// That nothing is ever acknowledged is told, and cured by the first that is.
func TestAcksThatNeverCome(t *testing.T) {
	t.Parallel()
	c, url := balanced(t, 1, splunk.StickyConnection, splunk.Options{})
	c.Indexer(0).SetFault(func(r *http.Request) *splunk.Response {
		if strings.HasSuffix(r.URL.Path, "/ack") {
			page := splunk.HTML(http.StatusNotFound)
			return &page
		}
		return nil
	})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{url}, Ack: config.AckAuto, AckTimeout: 3 * time.Second}})
	f.publish("splunk", 100)
	s := f.start()
	f.await("it is told", func() bool {
		return s.Healthy() != nil && strings.Contains(s.Healthy().Error(), "it does not acknowledge")
	})
	c.Indexer(0).SetFault(nil)
	f.awaitAcked("splunk")
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
}

// A proxy's page for once is no answer about a token that a rule has chosen.
func TestChosenTokenOutlivesAPage(t *testing.T) {
	t.Parallel()
	const chosen = "22222222-2222-3333-4444-555555555555"
	c := collect(t, splunk.Options{Tokens: map[string]splunk.Token{token: {}, chosen: {}}})
	c.SetFault(splunk.First(1, splunk.HTML(http.StatusForbidden)))
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
	f.config.Ingest.HEC.Tokens = map[string]config.Token{"web": {Token: chosen}}
	b := wire.Batch{ID: wire.ID{7, 1}, Destination: "splunk", Token: "web", Origins: []wire.Origin{{}}}
	f.publishPayload("splunk", b.ID, wire.Seal(nil, wire.AppendEvent(wire.AppendBatch(nil, &b), &wire.Event{Text: []byte("id=0")})))
	f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 1)
}
