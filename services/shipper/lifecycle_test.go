package shipper

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/test/simulators/splunk"
)

func itoa(n int) string { return strconv.Itoa(n) }

// pending is how many messages are delivered and not answered.
func (f *fixture) pending(destination string) int {
	f.t.Helper()
	consumer, err := f.conn.JetStream().Consumer(f.t.Context(), f.conn.Names().EventsStream(destination), wire.ShipperConsumer)
	if err != nil {
		f.t.Fatal(err)
	}
	return consumer.CachedInfo().NumAckPending
}

// silent is a collector that reads and never answers.
func silent(t *testing.T) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests.Add(1)
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

func TestAckOnlyAfterSuccess(t *testing.T) {
	t.Parallel()
	url, requests := silent(t)
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{url}, Timeout: 100 * time.Millisecond}})
	for range 3 {
		f.publish("splunk", 10)
	}
	s := f.start()
	f.await("it is tried more than once", func() bool { return requests.Load() > 1 })
	s.stop()
	if n := f.stream(f.conn.Names().EventsStream("splunk")).Msgs; n != 3 {
		t.Errorf("%d of 3 messages are on the bus still", n)
	}
	if n := s.Counts().Delivered; n != 0 {
		t.Errorf("%d events count as delivered", n)
	}
}

// What is in flight when shipping ends is waited for, but not for ever.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	url, requests := silent(t)
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{url}, Timeout: time.Hour}})
	f.publish("splunk", 10)
	s := f.start()
	s.mu.Lock()
	s.destinations["splunk"].drain = 50 * time.Millisecond
	s.mu.Unlock()
	f.await("a request is in flight", func() bool { return requests.Load() == 1 })
	s.stop()
	if n := f.stream(f.conn.Names().EventsStream("splunk")).Msgs; n != 1 {
		t.Error("the message is gone")
	}
}

func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	var once sync.Once
	inFlight := make(chan struct{})
	c.SetFault(func(*http.Request) *splunk.Response {
		once.Do(func() { close(inFlight) })
		return &splunk.Response{Delay: 30 * time.Millisecond}
	})
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, Batch: config.Batch{MaxEvents: 13}, Concurrency: config.Concurrency{Max: 2},
	}})
	for range 100 {
		f.publish("splunk", 10)
	}
	s := f.start()
	<-inFlight
	s.stop()
	// Deliveries are whole: what was taken in part was finished and acknowledged.
	arrived := c.Count()
	if arrived == 0 || arrived%10 != 0 {
		t.Errorf("%d events arrived", arrived)
	}
	left := uint64(0)
	f.await("what arrived, and nothing else, has left the bus", func() bool {
		left = f.stream(f.conn.Names().EventsStream("splunk")).Msgs
		return arrived == int64(1000-10*left)
	})
	if left == 0 {
		t.Fatal("nothing is left to prove that the rest goes back")
	}
	// The rest was given back: another instance gets it before AckWait is over.
	c.SetFault(nil)
	f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 1000)
}

func TestStopReleasesWhatWasNotTaken(t *testing.T) {
	t.Parallel()
	url, requests := silent(t)
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{url}, Timeout: 200 * time.Millisecond, Batch: config.Batch{MaxEvents: 10}, Concurrency: config.Concurrency{Max: 1},
	}})
	for range 100 {
		f.publish("splunk", 10)
	}
	s := f.start()
	f.await("a request is in flight and messages wait", func() bool { return requests.Load() > 0 && f.pending("splunk") == 100 })
	s.stop()
	c := collect(t, splunk.Options{})
	f.config.Destinations["splunk"] = filledIn(config.Destination{URLs: []string{c.url}})
	f.start()
	// In flight, being filled and being decoded were a few; those wait for AckWait.
	f.await("the others arrive", func() bool { return c.Count() >= 900 })
}

func TestReload(t *testing.T) {
	t.Parallel()
	const never = time.Hour
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	f := func(name string, before config.Destination, after func(d *config.Destination, c *collector)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := collect(t, splunk.Options{})
			if len(before.URLs) == 0 {
				before.URLs = []string{c.url}
			}
			f := setUp(t, map[string]config.Destination{"splunk": before})
			for range 10 {
				f.publish("splunk", 20)
			}
			s := f.start()
			f.await("a try fails", func() bool {
				return s.Counts().Requests > 0 && s.destinations["splunk"].settings().client.Healthy() != nil
			})
			d := f.config.Destinations["splunk"]
			after(&d, c)
			reload(t, s, &config.Config{Destinations: map[string]config.Destination{"splunk": d}})
			f.awaitAcked("splunk")
			c.wantOnce(t, 200)
			if err := s.Healthy(); err != nil {
				t.Error(err)
			}
		})
	}
	// The pause after the failed try would outlast the test: the reload ends it.
	f("token", config.Destination{Token: "wrong", Retry: config.Retry{Initial: never, Max: never}},
		func(d *config.Destination, _ *collector) { d.Token = token })
	f("token, while requests wait for a slot", config.Destination{
		Token: "wrong", Retry: config.Retry{Initial: never, Max: never}, Batch: config.Batch{MaxEvents: 3}, Concurrency: config.Concurrency{Max: 2},
	}, func(d *config.Destination, _ *collector) { d.Token = token })
	f("url", config.Destination{URLs: []string{gone.URL}, Batch: config.Batch{MaxEvents: 3}},
		func(d *config.Destination, c *collector) {
			d.URLs = []string{c.url}
			d.Gzip = true
			d.Batch.MaxEvents = 50
			d.Concurrency.Max = 1
		})
}

func TestReloadWhileShipping(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
	s := f.start()
	for n := range 100 {
		f.publish("splunk", 30)
		d := f.config.Destinations["splunk"]
		d.Gzip = n%2 == 0
		d.Batch.MaxEvents = 1 + n%50
		d.Concurrency.Max = 1 + n%5
		reload(t, s, &config.Config{Destinations: map[string]config.Destination{"splunk": d}})
	}
	f.awaitAcked("splunk")
	c.wantOnce(t, 3000)
}

func TestReloadAddsAndRemoves(t *testing.T) {
	t.Parallel()
	a, b := collect(t, splunk.Options{}), collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"a": {URLs: []string{a.url}}, "b": {URLs: []string{b.url}}})
	both := f.config.Destinations
	without := func(name string) *config.Config {
		rest := maps.Clone(both)
		delete(rest, name)
		return &config.Config{Bus: f.config.Bus, Destinations: rest}
	}
	f.config = without("b")
	s := f.start()
	f.publish("a", 10)
	f.publish("b", 10)
	f.awaitAcked("a")
	if n := b.Count(); n != 0 {
		t.Fatalf("%d events went to a destination that is not configured", n)
	}

	reload(t, s, without("a"))
	f.awaitAcked("b")
	reload(t, s, &config.Config{Destinations: both})
	f.publish("a", 10)
	f.publish("b", 10)
	f.awaitAcked("a")
	f.awaitAcked("b")
	if a.Count() != 20 || b.Count() != 20 {
		t.Errorf("%d and %d events arrived, want 20 each", a.Count(), b.Count())
	}
	if n := s.Counts().Delivered; n != 40 {
		t.Errorf("%d delivered", n)
	}
}

func TestReloadFails(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
	s := f.start()
	d := f.config.Destinations["splunk"]
	d.TLS.CAFile = "/no/such/file"
	other := d
	other.TLS.CAFile = ""
	_, err := s.Reload(&config.Config{Destinations: map[string]config.Destination{"splunk": d, "other": other}})
	if err == nil || !strings.Contains(err.Error(), "destinations.splunk.tls.ca_file") {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := s.Reload(&config.Config{}); err == nil {
		t.Error("a configuration without destinations is taken")
	}
	f.publish("splunk", 10)
	f.awaitAcked("splunk")
	c.wantOnce(t, 10)
	if _, exists := s.destinations["other"]; exists {
		t.Error("a part of the configuration is in force")
	}
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
}

// reload puts a configuration in force that can be used.
func reload(t *testing.T, s interface {
	Reload(c *config.Config) (func(), error)
}, c *config.Config,
) {
	t.Helper()
	commit, err := s.Reload(c)
	if err != nil {
		t.Fatal(err)
	}
	commit()
}
