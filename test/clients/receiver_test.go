package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/ackextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/splunkhecreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"

	"github.com/drainline/drainline/test/internal/port"
)

// What is sent: events, lines and metric events of two measurements each. Events and
// lines come in requests of perPost.
const (
	sentEvents  = 2_000
	sentLines   = 500
	sentMetrics = 200
	perPost     = 100
)

// OpenTelemetry's receiver as the destination. It authenticates nobody, keeps no
// time of what is raw, and reads every number as a float64.
func TestReceiver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		raw, ack bool
		settings []string
	}{
		{"events", false, false, []string{"gzip=false"}},
		{"events in gzip", false, false, []string{"gzip=true"}},
		{"raw", true, false, []string{"gzip=false"}},
		{"raw in gzip", true, false, []string{"gzip=true"}},
		{"acknowledgement", false, true, []string{"ack=on"}},
		{"acknowledgement of raw", true, true, []string{"ack=on"}},
		{"acknowledgement that is found out", false, true, []string{"ack=auto"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, c.ack)
			settings := []string{"destinations.splunk.batch.max_events=300"}
			if c.raw {
				settings = append(settings, "destinations.splunk.endpoint=raw")
			}
			for _, s := range c.settings {
				settings = append(settings, "destinations.splunk."+s)
			}
			d := launch(t, r.url, settings...)
			want := append(postEvents(t, d, c.raw), postLines(t, d, c.raw)...)
			gauges := postMetrics(t, d)
			t.Cleanup(func() {
				t.Logf("%d of %d events, %d of %d measurements", r.logs.LogRecordCount(), len(want), r.metrics.DataPointCount(), len(gauges))
			})
			eventually(t, "everything arrives", func() bool {
				return r.logs.LogRecordCount() >= len(want) && r.metrics.DataPointCount() >= len(gauges)
			})
			if c.ack {
				eventually(t, "every acknowledgement is heard", func() bool {
					given, told := r.acks.counts()
					return given > 0 && told == given
				})
			}
			d.stop()
			compare(t, r.events(t), want)
			compare(t, r.gauges(t), gauges)
		})
	}
}

// postEvents posts all events to the HEC door. It returns what becomes of them.
func postEvents(t *testing.T, d *drainline, raw bool) []event {
	t.Helper()
	var want []event
	for first := 0; first < sentEvents; first += perPost {
		var body bytes.Buffer
		for n := first; n < first+perPost; n++ {
			e := event{
				micros: sent(n).UnixMicro(), host: "h" + strconv.Itoa(n%3), source: "shop", sourcetype: "st", index: "web",
				body: encode(t, line(n)), fields: encode(t, map[string]any{"team": "shop", "n": n, "ratio": 0.25, "tags": []any{"a", "b"}}),
			}
			if n%2 == 0 {
				e.body = encode(t, map[string]any{"message": line(n), "n": n, "ok": true, "none": nil})
			}
			body.WriteString(e.envelope(e.body))
			if raw {
				e = e.raw(t)
			}
			want = append(want, e)
		}
		post(t, d.hec+"/services/collector/event", &body, "Authorization", "Splunk "+token)
	}
	return want
}

// envelope is an event as HEC takes it, with some body.
func (e event) envelope(body string) string {
	return fmt.Sprintf(`{"time":%d.%06d,"host":%q,"source":%q,"sourcetype":%q,"index":%q,"event":%s,"fields":%s}`,
		e.micros/1e6, e.micros%1e6, e.host, e.source, e.sourcetype, e.index, body, e.fields)
}

// raw is what is left of an event at the raw endpoint: its text, and metadata.
func (e event) raw(t *testing.T) event {
	t.Helper()
	if text, ok := decode(t, []byte(e.body)).(string); ok {
		e.body = text
	}
	e.micros, e.body, e.fields = 0, encode(t, e.body), `{}`
	return e
}

// postLines posts lines as Logplex does. It returns what becomes of them.
func postLines(t *testing.T, d *drainline, raw bool) []event {
	t.Helper()
	const drain = "d.73ea7440-270a-435a-a0ea-adf50b4e5f5a"
	fields := encode(t, map[string]any{"heroku_app": drain, "heroku_dyno": "web.1", "heroku_kind": "app", "heroku_process": "web"})
	var want []event
	for first := 0; first < sentLines; first += perPost {
		var body bytes.Buffer
		for n := first; n < first+perPost; n++ {
			frame := fmt.Sprintf("<190>1 %s host app web.1 - %s\n", sent(n).UTC().Format("2006-01-02T15:04:05.000000+00:00"), line(n))
			fmt.Fprintf(&body, "%d %s", len(frame), frame)
			e := event{sent(n).UnixMicro(), drain, "web", "heroku:app", "", encode(t, line(n)), fields}
			if raw {
				e = e.raw(t)
			}
			want = append(want, e)
		}
		post(t, d.logplex, &body, "Content-Type", "application/logplex-1", "Logplex-Msg-Count", strconv.Itoa(perPost),
			"Logplex-Frame-Id", fmt.Sprint("frame ", first), "Logplex-Drain-Token", drain)
	}
	return want
}

// postMetrics posts metric events, each with two measurements. It returns the
// measurements, which HEC takes at its event endpoint only.
func postMetrics(t *testing.T, d *drainline) []event {
	t.Helper()
	var body bytes.Buffer
	var want []event
	for n := range sentMetrics {
		e := event{micros: sent(n).UnixMicro(), host: "h1", source: "shop", sourcetype: "st", index: "metrics"}
		e.fields = fmt.Sprintf(`{"metric_name:cpu.usr":%d,"metric_name:cpu.sys":0.5,"region":"eu"}`, n)
		body.WriteString(e.envelope(`"metric"`))
		e.fields = `{"region":"eu","team":"shop"}`
		usr, sys := e, e
		usr.body, sys.body = fmt.Sprint("cpu.usr=", n), "cpu.sys=0.5"
		want = append(want, usr, sys)
	}
	post(t, d.hec+"/services/collector/event", &body, "Authorization", "Splunk "+token)
	return want
}

// post makes a request that has to be accepted. Headers are pairs of names and values.
func post(t *testing.T, url string, body *bytes.Buffer, headers ...string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(headers) > 0; headers = headers[2:] {
		r.Header.Set(headers[0], headers[1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", url, response.Status)
	}
}

// peer is a receiver at work, and what it has received.
type peer struct {
	url     string
	logs    consumertest.LogsSink
	metrics consumertest.MetricsSink
	acks    acks
}

// factoryMu guards what every factory of the receiver shares: it keeps the receivers
// that were made in one map, without a lock, because a collector makes them one after
// the other.
var factoryMu sync.Mutex

// receive starts a receiver, on request with acknowledgement.
func receive(t *testing.T, ack bool) *peer {
	t.Helper()
	p := &peer{}
	address := port.Free(t)
	p.url = "http://" + address
	factory := splunkhecreceiver.NewFactory()
	config, ok := factory.CreateDefaultConfig().(*splunkhecreceiver.Config)
	if !ok {
		t.Fatal("the receiver has another configuration")
	}
	config.NetAddr.Endpoint = address
	host := extensions{}
	if ack {
		id := component.NewID(ackextension.NewFactory().Type())
		p.acks.AckExtension = acknowledge(t, id)
		host[id], config.Extension = &p.acks, &id
	}
	settings := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: silent(), BuildInfo: collector}
	factoryMu.Lock()
	logs, logsErr := factory.CreateLogs(t.Context(), settings, config, &p.logs)
	// The same one, as its configuration is.
	_, metricsErr := factory.CreateMetrics(t.Context(), settings, config, &p.metrics)
	factoryMu.Unlock()
	if err := errors.Join(logsErr, metricsErr); err != nil {
		t.Fatal(err)
	}
	if err := logs.Start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		factoryMu.Lock() // It is taken out of the map.
		defer factoryMu.Unlock()
		if err := logs.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return p
}

// acknowledge is the extension that keeps acknowledgements.
func acknowledge(t *testing.T, id component.ID) ackextension.AckExtension {
	t.Helper()
	factory := ackextension.NewFactory()
	made, err := factory.Create(t.Context(), extension.Settings{ID: id, TelemetrySettings: silent(), BuildInfo: collector},
		factory.CreateDefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	ack, ok := made.(ackextension.AckExtension)
	if !ok {
		t.Fatal("the extension acknowledges nothing")
	}
	return ack
}

// acks counts what goes through the extension.
type acks struct {
	ackextension.AckExtension
	component.Component

	mu          sync.Mutex
	given, told int
}

// ProcessEvent gives out an ackId.
func (a *acks) ProcessEvent(channel string) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.given++
	return a.AckExtension.ProcessEvent(channel)
}

// QueryAcks tells of ackIds whether they are acknowledged, which is true once.
func (a *acks) QueryAcks(channel string, ids []uint64) map[uint64]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	answers := a.AckExtension.QueryAcks(channel, ids)
	for _, acked := range answers {
		if acked {
			a.told++
		}
	}
	return answers
}

// counts are the ackIds that were given out, and those that were told to be true.
func (a *acks) counts() (given, told int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.given, a.told
}

// events are the log records that were received.
func (p *peer) events(t *testing.T) []event {
	t.Helper()
	var events []event
	for _, logs := range p.logs.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, r := range scope.LogRecords().All() {
					e := described(resource.Resource(), r.Timestamp())
					e.body, e.fields = encode(t, r.Body().AsRaw()), encode(t, r.Attributes().AsRaw())
					events = append(events, e)
				}
			}
		}
	}
	return events
}

// gauges are the measurements that were received, as name=value.
func (p *peer) gauges(t *testing.T) []event {
	t.Helper()
	var events []event
	for _, metrics := range p.metrics.AllMetrics() {
		for _, resource := range metrics.ResourceMetrics().All() {
			for _, scope := range resource.ScopeMetrics().All() {
				for _, m := range scope.Metrics().All() {
					events = append(events, gauge(t, resource.Resource(), m)...)
				}
			}
		}
	}
	return events
}

func gauge(t *testing.T, resource pcommon.Resource, m pmetric.Metric) []event {
	t.Helper()
	var events []event
	for _, point := range m.Gauge().DataPoints().All() {
		e := described(resource, point.Timestamp())
		e.body, e.fields = fmt.Sprint(m.Name(), "=", point.DoubleValue()), encode(t, point.Attributes().AsRaw())
		events = append(events, e)
	}
	return events
}

// described is the metadata of what was received. The receiver has time in float64,
// whose nanoseconds are wrong by some hundreds.
func described(resource pcommon.Resource, at pcommon.Timestamp) event {
	text := func(name string) string {
		if value, ok := resource.Attributes().Get(name); ok {
			return value.Str()
		}
		return ""
	}
	return event{
		micros: at.AsTime().Round(time.Microsecond).UnixMicro(),
		host:   text("host.name"), source: text("com.splunk.source"), sourcetype: text("com.splunk.sourcetype"), index: text("com.splunk.index"),
	}
}
