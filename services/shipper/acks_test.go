package shipper

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// balanced is indexers with acknowledgement behind a load balancer.
func balanced(t *testing.T, n int, sticky splunk.Stickiness, o splunk.Options) (c *splunk.Cluster, url string) {
	t.Helper()
	o.Tokens = map[string]splunk.Token{token: {UseACK: true}}
	c = splunk.NewCluster(n, sticky, o)
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	return c, s.URL
}

// Only what Splunk acknowledges is acknowledged on the bus, whatever becomes of the
// acknowledgements on their way.
func TestIndexerAcknowledgement(t *testing.T) {
	t.Parallel()
	const events = 2000
	f := func(name string, indexers int, sticky splunk.Stickiness, acks splunk.AckOptions, ack string, once bool) {
		timeout, each := 3*time.Second, 40
		if sticky == splunk.NotSticky {
			timeout, each = time.Hour, 400 // chance has to lead a question to the right indexer
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, url := balanced(t, indexers, sticky, splunk.Options{Acks: acks})
			f := setUp(t, map[string]config.Destination{"splunk": {
				URLs: []string{url}, Gzip: true, Batch: config.Batch{MaxEvents: each, Linger: 20 * time.Millisecond}, Ack: ack, AckTimeout: timeout,
			}})
			for range 20 {
				f.publish("splunk", events/20)
			}
			f.patience *= 4 // for chance, on a busy machine
			s := f.start()
			f.awaitAcked("splunk")
			if n := c.Ledger().Distinct(); n != events {
				t.Errorf("%d events arrived, want %d", n, events)
			}
			counts, duplicates := s.Counts(), c.Ledger().Duplicates()
			if duplicates > c.Stats().Unconfirmed || duplicates > counts.PossibleDuplicates || once && duplicates > 0 {
				t.Errorf("%d duplicates, %d were unconfirmed, %d were counted as possible", duplicates, c.Stats().Unconfirmed, counts.PossibleDuplicates)
			}
			if counts.Delivered != events || c.Stats().Acked == 0 {
				t.Errorf("%+v, %d acknowledged", counts, c.Stats().Acked)
			}
			if v := c.Violations(); len(v) > 0 {
				t.Errorf("violations: %q", v)
			}
		})
	}
	f("one indexer", 1, splunk.StickyConnection, splunk.AckOptions{}, config.AckOn, true)
	f("found by itself", 1, splunk.StickyConnection, splunk.AckOptions{Delay: 100 * time.Millisecond}, config.AckAuto, true)
	f("sticky by cookie", 3, splunk.StickyCookie, splunk.AckOptions{Delay: 50 * time.Millisecond}, config.AckAuto, true)
	f("sticky by connection", 3, splunk.StickyConnection, splunk.AckOptions{}, config.AckOn, true)
	f("not sticky", 3, splunk.NotSticky, splunk.AckOptions{}, config.AckOn, false)
	f("some accepted and lost", 1, splunk.StickyConnection, splunk.AckOptions{LoseShare: 20}, config.AckOn, true)
	f("some never acknowledged", 1, splunk.StickyConnection, splunk.AckOptions{NeverShare: 20}, config.AckOn, false)
}

// Without acknowledgement nothing leaves the bus, and a stop gives it back.
func TestStopWhileAcksArePending(t *testing.T) {
	t.Parallel()
	c, url := balanced(t, 1, splunk.StickyConnection, splunk.Options{Acks: splunk.AckOptions{Delay: time.Hour}})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{url}, Ack: config.AckOn, Batch: config.Batch{MaxEvents: 10}}})
	f.publish("splunk", 100)
	s := f.start()
	s.mu.Lock()
	s.destinations["splunk"].drain = 50 * time.Millisecond
	s.mu.Unlock()
	f.await("all was accepted", func() bool { return c.Count() == 100 && s.destinations["splunk"].tracker.Pending() == 10 })
	s.stop()
	if n := f.stream(f.conn.Names().EventsStream("splunk")).Msgs; n != 1 || s.Counts().Delivered != 0 {
		t.Errorf("%d messages are on the bus, %d events count as delivered", n, s.Counts().Delivered)
	}
	plain := collect(t, splunk.Options{})
	f.config.Destinations["splunk"] = filledIn(config.Destination{URLs: []string{plain.url}})
	f.start()
	f.awaitAcked("splunk")
	plain.wantOnce(t, 100)
}

// What is not acknowledged is bounded: then nothing more is sent, and a stop waits no
// longer for that.
func TestPendingAcksAreBounded(t *testing.T) {
	t.Parallel()
	c, url := balanced(t, 1, splunk.StickyConnection, splunk.Options{Acks: splunk.AckOptions{Delay: time.Hour}})
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{url}, Ack: config.AckOn, AckTimeout: time.Hour, Batch: config.Batch{MaxEvents: 10}, Concurrency: config.Concurrency{Max: 1},
	}})
	f.publish("splunk", 100)
	s := f.prepare()
	d := s.destinations["splunk"]
	d.drain, d.mostPending = 50*time.Millisecond, 4
	s.run()
	f.await("as much is pending as may be", func() bool { return d.tracker.Pending() == 4 && d.flying.Load() == 0 })
	s.stop()
	if n := c.Count(); n != 40 {
		t.Errorf("%d events were sent", n)
	}
	if n := f.stream(f.conn.Names().EventsStream("splunk")).Msgs; n != 1 {
		t.Errorf("%d messages are on the bus", n)
	}
}

// A stop waits for acknowledgements that come soon.
func TestStopWaitsForAcks(t *testing.T) {
	t.Parallel()
	c, url := balanced(t, 1, splunk.StickyConnection, splunk.Options{Acks: splunk.AckOptions{Delay: 500 * time.Millisecond}})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{url}, Ack: config.AckOn}})
	f.publish("splunk", 100)
	s := f.start()
	f.await("all was accepted", func() bool { return c.Count() == 100 && s.destinations["splunk"].tracker.Pending() == 1 })
	s.stop()
	if n := s.Counts().Delivered; n != 100 {
		t.Errorf("%d events count as delivered", n)
	}
	f.awaitAcked("splunk")
}

// A reload does not forget what is to be acknowledged under the old settings.
func TestReloadWhileAcksArePending(t *testing.T) {
	t.Parallel()
	c, url := balanced(t, 2, splunk.StickyCookie, splunk.Options{Acks: splunk.AckOptions{Delay: time.Second}})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{url}, Ack: config.AckOn, Batch: config.Batch{MaxEvents: 10}}})
	f.publish("splunk", 100)
	s := f.start()
	f.await("all was accepted", func() bool { return c.Count() == 100 })
	d := f.config.Destinations["splunk"]
	d.Batch.MaxEvents = 20
	reload(t, s, &config.Config{Destinations: map[string]config.Destination{"splunk": d}})
	f.awaitAcked("splunk")
	if n := c.Ledger().Duplicates(); n != 0 || s.Counts().LostAcks != 0 {
		t.Errorf("%d duplicates, %d lost acks", n, s.Counts().LostAcks)
	}
}

// Who asks for acknowledgement is not content with less.
func TestAckOnParksWithoutIt(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Ack: config.AckOn}})
	f.publish("splunk", 10)
	s := f.start()
	f.await("it is parked", func() bool { return s.Healthy() != nil })
	if err := s.Healthy(); !strings.Contains(err.Error(), "ack") {
		t.Errorf("Healthy: %v", err)
	}
	if n := f.stream(f.conn.Names().EventsStream("splunk")).Msgs; n != 1 || s.Counts().Delivered != 0 {
		t.Errorf("%d messages are on the bus, %d events count as delivered", n, s.Counts().Delivered)
	}
	d := f.config.Destinations["splunk"]
	d.Ack = config.AckOff
	reload(t, s, &config.Config{Destinations: map[string]config.Destination{"splunk": d}})
	f.awaitAcked("splunk")
	if n := c.Ledger().Distinct(); n != 10 {
		t.Errorf("%d events arrived", n)
	}
}

// An error of the ack endpoint says nothing about what was sent.
func TestAckErrorsAreNoSuccess(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]splunk.Response{
		"400":       {Status: 400, Body: `{"text":"Invalid data format","code":6}`},
		"404":       splunk.HTML(404),
		"503":       splunk.HTML(503),
		"a page":    {Status: 200, Body: "<html>"},
		"half":      {Status: 200, Body: `{"acks":`},
		"no answer": {Cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, url := balanced(t, 1, splunk.StickyConnection, splunk.Options{})
			asked := make(chan struct{})
			answer := make(chan struct{})
			var once sync.Once
			c.Indexer(0).SetFault(func(r *http.Request) (fault *splunk.Response) {
				if strings.HasSuffix(r.URL.Path, "/ack") {
					once.Do(func() {
						close(asked)
						<-answer
						fault = &broken
					})
				}
				return fault
			})
			f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{url}, Ack: config.AckOn}})
			f.publish("splunk", 10)
			s := f.start()
			<-asked
			if n := s.Counts().Delivered; n != 0 || c.Count() != 10 {
				t.Errorf("%d of %d events count as delivered before any answer", n, c.Count())
			}
			close(answer)
			f.awaitAcked("splunk")
			if n := c.Ledger().Duplicates(); n != 0 || c.Stats().Acked != 1 || s.Counts().Delivered != 10 {
				t.Errorf("%d duplicates, %d acknowledged, %+v", n, c.Stats().Acked, s.Counts())
			}
		})
	}
}
