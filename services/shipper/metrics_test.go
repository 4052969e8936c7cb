package shipper

import (
	"net/http"
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/telemetry/telemetrytest"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// What Splunk answers, what a request holds and how long it took are told.
func TestMetrics(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	tries := 0
	c.SetFault(func(*http.Request) *splunk.Response {
		tries++ // one request at a time
		switch tries {
		case 1:
			return &splunk.Response{Code: 9}
		case 2:
			return &splunk.Response{Status: http.StatusBadGateway, Body: "<html>"}
		}
		return nil
	})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Concurrency: config.Concurrency{Max: 1}}})
	f.publish("splunk", 7)
	s := f.start()
	f.awaitAcked("splunk")
	telemetrytest.Hold(
		t, telemetrytest.Scrape(t, s.o.Metrics),
		`drainline_shipper_answers_total{code="9",destination="splunk",status="503"} 1`,
		`drainline_shipper_answers_total{code="none",destination="splunk",status="502"} 1`,
		`drainline_shipper_answers_total{code="0",destination="splunk",status="200"} 1`,
		`drainline_shipper_request_duration_seconds_count{destination="splunk",status="503"} 1`,
		`drainline_shipper_request_duration_seconds_count{destination="splunk",status="200"} 1`,
		`drainline_shipper_request_events_sum{destination="splunk"} 21`,
		`drainline_shipper_request_events_count{destination="splunk"} 3`,
		`drainline_shipper_request_bytes_count{destination="splunk"} 3`,
		`drainline_shipper_pack_duration_seconds_count{destination="splunk"} 1`,
		`drainline_shipper_latency_seconds_count{destination="splunk"} 1`,
		`drainline_shipper_event_latency_seconds_count{destination="splunk"} 1`,
		`drainline_shipper_parked_duration_seconds_total{destination="splunk"} 0`,
	)
}

// A try without an answer has no status. Acknowledgement takes its own time.
func TestMetricsOfAcknowledgement(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{Tokens: map[string]splunk.Token{token: {UseACK: true}}})
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, Concurrency: config.Concurrency{Max: 1}, Ack: config.AckOn,
	}})
	first := true
	c.SetFault(func(*http.Request) *splunk.Response {
		if first {
			first = false
			panic(http.ErrAbortHandler)
		}
		return nil
	})
	f.publish("splunk", 7)
	s := f.start()
	f.awaitAcked("splunk")
	telemetrytest.Hold(
		t, telemetrytest.Scrape(t, s.o.Metrics),
		`drainline_shipper_answers_total{code="none",destination="splunk",status="none"} 1`,
		`drainline_shipper_ack_duration_seconds_count{destination="splunk"} 1`,
		`drainline_shipper_latency_seconds_count{destination="splunk"} 1`,
	)
}

// The time that a destination is parked goes on to be counted, and does not fall when it is
// removed.
func TestMetricsOfParking(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	c.SetFault(forbidden)
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}, "other": {Type: config.TypeDiscard}})
	f.publish("splunk", 1)
	s := f.start()
	f.await("it is parked", func() bool { return isParked(s) })
	m := s.meters["splunk"]
	before := m.parkedSeconds()
	f.await("time passes", func() bool { return m.parkedSeconds() > before })
	telemetrytest.Hold(t, telemetrytest.Scrape(t, s.o.Metrics), `drainline_shipper_parked{destination="splunk"} 1`)
	c.SetFault(nil)
	f.awaitAcked("splunk")
	f.await("it is cured", func() bool { return !isParked(s) })
	cured := m.parkedSeconds()
	if again := m.parkedSeconds(); cured <= before || again != cured {
		t.Errorf("parked for %v, %v when it was cured, then %v", before, cured, again)
	}
	without := *f.config
	without.Destinations = map[string]config.Destination{"other": f.config.Destinations["other"]}
	commit, err := s.Reload(&without)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	if after := m.parkedSeconds(); after != cured {
		t.Errorf("parked for %v, and %v once it is removed", cured, after)
	}
	if all := strings.Join(telemetrytest.Scrape(t, s.o.Metrics), "\n"); !strings.Contains(all, `drainline_shipper_parked{destination="splunk"} 0`) {
		t.Errorf("it is parked still:\n%s", all)
	}
}
