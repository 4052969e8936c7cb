package shipper

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/test/simulators/splunk"
)

func TestDeliversOnce(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	f := func(name string, d config.Destination, deliveries []int, check func(t *testing.T, c *collector)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := collect(t, splunk.Options{})
			d.URLs = []string{c.url}
			f := setUp(t, map[string]config.Destination{"splunk": d})
			for _, n := range deliveries {
				f.publish("splunk", n)
			}
			s := f.start()
			f.await("the events arrive", func() bool { return c.Count() >= int64(f.events) })
			f.awaitAcked("splunk")
			c.wantOnce(t, f.events)
			if c.highest > d.Concurrency.Max && d.Concurrency.Max > 0 {
				t.Errorf("%d requests at a time", c.highest)
			}
			counts := s.Counts()
			if counts.Delivered != int64(f.events) || counts.Dead != 0 || counts.Retries != 0 || counts.Requests != int64(len(c.requests())) {
				t.Errorf("counts: %+v", counts)
			}
			check(t, c)
		})
	}
	many := make([]int, 40)
	for i := range many {
		many[i] = i * 7 % 100
	}
	// Every limit but the one under test is out of reach.
	f("by bytes, across deliveries", config.Destination{
		Batch: config.Batch{MaxBytes: 5000, MaxEvents: 100_000}, Concurrency: config.Concurrency{Max: 3},
	}, many, func(t *testing.T, c *collector) {
		t.Helper()
		if largest := slices.Max(c.requests()); largest > 5000 {
			t.Errorf("a request of %d bytes", largest)
		}
	})
	f("by events, across deliveries", config.Destination{
		Batch: config.Batch{MaxEvents: 50}, Gzip: true, Concurrency: config.Concurrency{Max: 3},
	}, many, func(t *testing.T, c *collector) {
		t.Helper()
		if largest := slices.Max(c.sizes()); largest > 50 {
			t.Errorf("a request of %d events", largest)
		}
		if c.zipped != len(c.requests()) {
			t.Errorf("%d of %d requests are compressed", c.zipped, len(c.requests()))
		}
	})
	f("one delivery in many requests", config.Destination{
		Batch: config.Batch{MaxEvents: 7, Linger: hour}, Concurrency: config.Concurrency{Max: 2},
	}, []int{7 * 300}, func(t *testing.T, c *collector) {
		t.Helper()
		if n := len(c.sizes()); n != 300 {
			t.Errorf("%d requests", n)
		}
	})
	f("by linger", config.Destination{}, []int{3}, func(t *testing.T, c *collector) {
		t.Helper()
		if n := len(c.requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
		if c.zipped > 0 {
			t.Error("compressed without gzip: true")
		}
	})
	f("no events", config.Destination{}, []int{0, 0}, func(t *testing.T, c *collector) {
		t.Helper()
		if n := len(c.requests()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// Without linger requests are as full as can be, whatever the deliveries were.
func TestPacksAcrossDeliveries(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, Batch: config.Batch{MaxEvents: 100, Linger: time.Hour},
	}})
	for range 50 {
		f.publish("splunk", 10)
	}
	f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 500)
	if n := len(c.requests()); n != 5 {
		t.Errorf("%d requests for 500 events of 50 deliveries, want 5", n)
	}
}

func TestLargeEventGoesAlone(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Batch: config.Batch{MaxBytes: 10_000, Linger: time.Hour}}})
	f.publish("splunk", 21, func(n int, e *wire.Event) {
		if n == 10 || n == 20 {
			e.Text = append([]byte(strings.Repeat("x", 20_000)+" "), e.Text...)
		}
	})
	f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 21)
	large := 0
	for _, size := range c.requests() {
		if size > 10_000 {
			large++
		}
	}
	if large != 2 || len(c.requests()) != 4 {
		t.Errorf("requests of %v bytes, want two large ones alone", c.requests())
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	const page = "<html><body>Welcome</body></html>"
	f := func(name string, once bool, faults ...splunk.Response) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := collect(t, splunk.Options{})
			c.SetFault(splunk.Sequence(faults...))
			f := setUp(t, map[string]config.Destination{"splunk": {
				URLs: []string{c.url}, Gzip: true, Batch: config.Batch{MaxEvents: 100},
			}})
			f.publish("splunk", 1000)
			s := f.start()
			f.awaitAcked("splunk")
			if once {
				c.wantOnce(t, 1000)
			}
			if n := c.Ledger().Distinct(); n != 1000 {
				t.Errorf("%d events arrived", n)
			}
			counts := s.Counts()
			if counts.Retries != int64(len(faults)) || counts.Requests != int64(10+len(faults)) || counts.Delivered != 1000 {
				t.Errorf("%d faults: %+v", len(faults), counts)
			}
		})
	}
	busy := splunk.Response{Status: 503, Body: `{"text":"Server is busy","code":9}`}
	f("busy", true, busy, busy, busy, busy, busy, busy)
	f("busy with Retry-After", true, splunk.Response{Status: 503, Body: busy.Body, RetryAfter: time.Second})
	f("too many requests", true, splunk.Response{Status: 429, Body: `{"text":"HEC queue is at capacity","code":26}`})
	f("internal error", true, splunk.Response{Status: 500, Body: `{"text":"Internal server error","code":8}`})
	f("connection reset", true, splunk.Response{Cut: true}, splunk.Response{Cut: true})
	f("a proxy's page with 200", true, splunk.Response{Status: 200, Body: page})
	f("a proxy's page with 502", true, splunk.Response{Status: 502, Body: page})
	f("answer lost", false, splunk.Response{Cut: true, Accept: true})
}

// A request that gets no answer in time is sent again. On a busy machine others
// may take too long as well, so repeats prove nothing here.
func TestTimeout(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	c.SetFault(splunk.Sequence(splunk.Response{Delay: time.Minute, Cut: true}))
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Timeout: 500 * time.Millisecond}})
	f.publish("splunk", 100)
	s := f.start()
	f.awaitAcked("splunk")
	if n := c.Ledger().Distinct(); n != 100 {
		t.Errorf("%d events arrived", n)
	}
	if counts := s.Counts(); counts.Retries == 0 || counts.Delivered != 100 {
		t.Errorf("counts: %+v", counts)
	}
}

// What a collector says of its load sets how many requests go out at once.
func TestWindow(t *testing.T) {
	t.Parallel()
	const most = 8
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, Batch: config.Batch{MaxEvents: 5}, Concurrency: config.Concurrency{Max: most, Adaptive: true},
	}})
	s := f.start()
	window := func() int { return s.Destinations()[0].Window }
	if n := window(); n >= most {
		t.Errorf("it begins with %d at once", n)
	}
	f.await("it is found that more can go at once", func() bool {
		f.publish("splunk", 200)
		return window() > most/2
	})
	for _, code := range []int{24, 9, 26} {
		c.SetFault(func(*http.Request) *splunk.Response { return &splunk.Response{Code: code} })
		f.publish("splunk", 200)
		f.await("less goes at once", func() bool { return window() == 1 })
		c.SetFault(nil)
		f.await("more goes again", func() bool {
			f.publish("splunk", 200)
			return window() > 1
		})
	}
	f.awaitAcked("splunk")
	if c.highest > most {
		t.Errorf("%d requests at a time", c.highest)
	}
}

// With a rate limit requests leave one after another.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	var mu sync.Mutex
	var times []time.Time
	c.SetFault(func(*http.Request) *splunk.Response {
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Now())
		return nil
	})
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, Batch: config.Batch{MaxEvents: 10}, RateLimit: config.RateLimit{Events: 50},
	}})
	f.publish("splunk", 100)
	f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 100)
	// A second's worth may leave at once; the other fifty events take a second more, however
	// slow the machine is.
	if first, last := times[0], times[len(times)-1]; last.Sub(first) < 700*time.Millisecond {
		t.Errorf("100 events left within %v", last.Sub(first))
	}
}

func TestDestinationsDoNotTouchEachOther(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}, "gone": {URLs: []string{gone.URL}}})
	f.publish("gone", 10)
	f.publish("splunk", 10)
	s := f.start()
	f.awaitAcked("splunk")
	if n := c.Count(); n != 10 {
		t.Errorf("%d events arrived", n)
	}
	f.await("the trouble shows", func() bool { return s.Healthy() != nil })
	if err := s.Healthy(); !strings.HasPrefix(err.Error(), "destination gone: ") || strings.Contains(err.Error(), "destination splunk") {
		t.Errorf("Healthy: %v", err)
	}
	if n := f.stream(f.conn.Names().EventsStream("gone")).Msgs; n != 1 {
		t.Errorf("%d messages wait for the one that is gone", n)
	}
}

// forbidden has a collector refuse everything for its token.
func forbidden(*http.Request) *splunk.Response {
	return &splunk.Response{Status: 403, Body: `{"text":"Invalid token","code":4}`}
}

func TestParksWhileForbidden(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	c.SetFault(forbidden)
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Batch: config.Batch{MaxEvents: 10}}})
	f.publish("splunk", 200)
	s := f.start()
	f.await("it is parked", func() bool { return s.Healthy() != nil })
	if err := s.Healthy(); err == nil || !strings.Contains(err.Error(), "destination splunk: parked: "+c.url) ||
		!strings.Contains(err.Error(), "Invalid token (code 4): check the destination's token") {
		t.Errorf("Healthy: %v", err)
	}
	f.await("nothing is in flight", func() bool { return s.destinations["splunk"].flying.Load() == 0 })
	tries, probes := s.Counts().Requests, len(c.requests())
	f.await("it is probed", func() bool { return len(c.requests()) > probes+3 })
	if n := s.Counts().Requests - tries; n != 0 || s.Counts().Delivered != 0 {
		t.Errorf("%d requests with events while it is parked", n)
	}
	if strings.Contains(f.log.String(), token) {
		t.Error("the token is in the log")
	}
	c.SetFault(nil)
	f.awaitAcked("splunk")
	c.wantOnce(t, 200)
	if err := s.Healthy(); err != nil {
		t.Errorf("Healthy after the cure: %v", err)
	}
	if begins, ends := f.log.count("destination is parked"), f.log.count("destination takes events again"); begins != 1 || ends != 1 {
		t.Errorf("%d lines when it began, %d when it ended; log:\n%s", begins, ends, f.log)
	}
}

// What a parked instance has taken from the bus, another gets at once, and not only after
// AckWait. Both ship under one durable consumer.
func TestParkedGivesBack(t *testing.T) {
	t.Parallel()
	sick, fine := collect(t, splunk.Options{}), collect(t, splunk.Options{})
	sick.SetFault(forbidden)
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{sick.url}, Batch: config.Batch{MaxEvents: 7}}})
	for range 50 {
		f.publish("splunk", 10)
	}
	s := f.start()
	f.await("it is parked", func() bool { return s.Healthy() != nil })
	d := f.config.Destinations["splunk"]
	d.URLs = []string{fine.url}
	f.config = &config.Config{Bus: f.config.Bus, Destinations: map[string]config.Destination{"splunk": d}}
	f.start()
	f.awaitAcked("splunk")
	fine.wantOnce(t, 500)
	if n := sick.Count(); n != 0 {
		t.Errorf("the sick one has indexed %d events", n)
	}
}

// A delivery of which a part was taken stays in hand while the destination is parked, and
// only the rest of it is sent when it is cured.
func TestParkedHoldsWhatWasTakenInPart(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	var posts atomic.Int64
	c.SetFault(func(r *http.Request) *splunk.Response {
		if r.ContentLength > 0 && posts.Add(1) <= 3 {
			return nil
		}
		return forbidden(r)
	})
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, Batch: config.Batch{MaxEvents: 10}, Concurrency: config.Concurrency{Max: 1},
	}})
	f.publish("splunk", 100)
	s := f.start()
	f.await("it is parked", func() bool { return s.Healthy() != nil })
	if n := c.Count(); n != 30 {
		t.Errorf("%d events arrived before", n)
	}
	c.SetFault(nil)
	f.awaitAcked("splunk")
	c.wantOnce(t, 100)
	if n := s.Counts().PossibleDuplicates; n != 0 {
		t.Errorf("%d possible duplicates", n)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	f := func(want string, c *config.Config) {
		t.Helper()
		_, err := New(Options{Config: c})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q in one sentence", err, want)
		}
	}
	f("no destination", &config.Config{})
}
