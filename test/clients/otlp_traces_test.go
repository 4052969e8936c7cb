package clients

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// The sender's own trace.
const (
	sentTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	sentSpan  = "00f067aa0ba902b7"
)

// Names of spans.
const (
	postHEC        = "POST /services/collector/event"
	postLogs       = "POST /logs"
	sendRaw        = "send drainline_raw_s0"
	processRaw     = "process drainline_raw_s0"
	sendEvents     = "send drainline_events_splunk"
	processEvents  = "process drainline_events_splunk"
	sendDead       = "send drainline_dead"
	postSplunk     = "POST"
	whole          = "whole" // what becomes of one request when nothing goes wrong
	poison         = "poison"
	spansInOneLine = 6
)

// One request in, one connected trace out, by both protocols and through both doors.
func TestTraces(t *testing.T) {
	t.Parallel()
	usual := map[string]int{sendRaw: 1, processRaw: 1, sendEvents: 1, processEvents: 1, postSplunk: 1}
	with := func(more map[string]int) map[string]int {
		all := maps.Clone(usual)
		maps.Copy(all, more)
		return all
	}
	for _, c := range []struct {
		name     string
		grpc     bool
		logplex  bool // by Logplex's door, without a trace of the sender's
		texts    []string
		settings []string
		fault    func(*http.Request) *splunk.Response
		arrive   int
		want     map[string]int // spans by name
		again    bool           // the bus delivers events more than once
		resends  int64          // of the last request to Splunk
	}{
		{name: "HEC, over HTTP", texts: []string{whole}, arrive: 1, want: with(map[string]int{postHEC: 1})},
		{name: "HEC, over gRPC", grpc: true, texts: []string{whole}, arrive: 1, want: with(map[string]int{postHEC: 1})},
		{
			name: "Logplex", logplex: true, texts: []string{whole}, settings: []string{"telemetry.traces.sample=100"},
			arrive: 1, want: with(map[string]int{postLogs: 1}),
		},
		{
			name: "busy Splunk", texts: []string{whole}, fault: splunk.First(2, splunk.Response{Code: 9}),
			arrive: 1, want: with(map[string]int{postHEC: 1, postSplunk: 3}), resends: 2,
		},
		{
			name: "redelivery", texts: []string{whole}, fault: splunk.First(1, splunk.Response{Code: 4}),
			arrive: 1, want: with(map[string]int{postHEC: 1, processEvents: 2, postSplunk: 2}), again: true,
		},
		{
			name: "one event refused", texts: []string{whole, poison, whole},
			arrive: 2, want: with(map[string]int{postHEC: 1, postSplunk: 4, sendDead: 1}),
		},
		{
			name: "a frame that is none", logplex: true, texts: []string{whole, "\x00"}, settings: []string{"telemetry.traces.sample=100"},
			arrive: 1, want: with(map[string]int{postLogs: 1, sendDead: 1}),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim, url := simulate(t)
			otlp, sink := collect(t, c.grpc)
			d := launch(t, url, append([]string{
				"telemetry.traces.otlp=" + otlp, "telemetry.traces.sample=0", "telemetry.traces.field=trace_id", "destinations.splunk.ack=off",
			}, c.settings...)...)
			if c.fault != nil {
				sim.SetFault(c.fault)
			}
			if c.logplex {
				postFrames(t, d, c.texts)
			} else {
				postTraced(t, d, c.texts)
			}
			eventually(t, "what is not refused arrives", func() bool { return sim.Count() >= int64(c.arrive) })
			d.stop()
			s := spansOf(t, sink)
			if got := s.counts(); !maps.Equal(got, c.want) {
				t.Errorf("spans %v, want %v", got, c.want)
			}
			trace := s.connected(t, !c.logplex)
			for _, e := range sim.Events() {
				if e.Fields["trace_id"] != trace {
					t.Errorf("the event has the trace %v, want %s", e.Fields["trace_id"], trace)
				}
			}
			if got := s.number(processEvents, "drainline.delivery.attempts"); got < 1 || got > 1 != c.again {
				t.Errorf("the last attempt is number %d; that it is not the first: want %v", got, c.again)
			}
			if got := s.number(postSplunk, "http.request.resend_count"); got != c.resends {
				t.Errorf("the last request was sent %d times before, want %d", got, c.resends)
			}
		})
	}
}

// simulate starts a Splunk that refuses what is poison.
func simulate(t *testing.T) (*splunk.Splunk, string) {
	t.Helper()
	sim := splunk.New(splunk.Options{
		Tokens: map[string]splunk.Token{splunkToken: {}}, KeepEvents: 1000, AllOrNothing: true,
		Poison: func(e splunk.Event) int {
			if strings.Contains(string(e.Event), poison) {
				return 6
			}
			return 0
		},
	})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return sim, server.URL
}

// collect starts OpenTelemetry's receiver, of one protocol.
func collect(t *testing.T, grpc bool) (url string, sink *consumertest.TracesSink) {
	t.Helper()
	sink = &consumertest.TracesSink{}
	url = collectBy(t, grpc, func(f receiver.Factory, s receiver.Settings, c component.Config) (component.Component, error) {
		return f.CreateTraces(t.Context(), s, c, sink)
	})
	return url, sink
}

// collectBy starts a receiver of one signal.
func collectBy(t *testing.T, grpc bool, create signal) (url string) {
	t.Helper()
	eventually(t, "a port is still free when the receiver wants it", func() bool {
		address := port.Free(t)
		url = "http://" + address
		if grpc {
			url = "grpc://" + address
		}
		return listens(t, address, grpc, create)
	})
	return url
}

// signal makes a receiver of traces or metrics.
type signal func(receiver.Factory, receiver.Settings, component.Config) (component.Component, error)

func listens(t *testing.T, address string, grpc bool, create signal) bool {
	t.Helper()
	factory := otlpreceiver.NewFactory()
	config, ok := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	if !ok {
		t.Fatal("the receiver has another configuration")
	}
	if grpc {
		config.GRPC.GetOrInsertDefault().NetAddr.Endpoint = address
	} else {
		config.HTTP.GetOrInsertDefault().ServerConfig.NetAddr.Endpoint = address
	}
	receiving, err := create(factory, receiver.Settings{
		ID: component.NewID(factory.Type()), TelemetrySettings: silent(), BuildInfo: collector,
	}, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := receiving.Start(t.Context(), extensions{}); err != nil {
		return false
	}
	t.Cleanup(func() {
		if err := receiving.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return true
}

// postTraced posts events to the HEC door in one request, as part of a trace.
func postTraced(t *testing.T, d *drainline, texts []string) {
	t.Helper()
	var body bytes.Buffer
	for _, text := range texts {
		fmt.Fprintf(&body, `{"event":%q}`, text)
	}
	post(t, d.hec+"/services/collector/event", &body, "Authorization", "Splunk "+token,
		"Traceparent", "00-"+sentTrace+"-"+sentSpan+"-01", "Tracestate", "vendor=1")
}

// postFrames posts lines as Logplex does, in one request.
func postFrames(t *testing.T, d *drainline, texts []string) {
	t.Helper()
	var body bytes.Buffer
	for _, text := range texts {
		frame := fmt.Sprintf("<190>1 %s host app web.1 - %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000+00:00"), text)
		if text == "\x00" {
			frame = "no header\n"
		}
		fmt.Fprintf(&body, "%d %s", len(frame), frame)
	}
	post(t, d.logplex, &body, "Content-Type", "application/logplex-1", "Logplex-Msg-Count", strconv.Itoa(len(texts)),
		"Logplex-Frame-Id", "one", "Logplex-Drain-Token", "d.73ea7440-270a-435a-a0ea-adf50b4e5f5a")
}

// spans are those of one process, in the order in which they began.
type spans []ptrace.Span

func spansOf(t *testing.T, sink *consumertest.TracesSink) spans {
	t.Helper()
	var all spans
	for _, traces := range sink.AllTraces() {
		for _, resource := range traces.ResourceSpans().All() {
			a := resource.Resource().Attributes()
			for name, want := range map[string]string{"service.name": "drainline", "telemetry.sdk.language": "go"} {
				if got, _ := a.Get(name); got.AsString() != want {
					t.Errorf("the resource has %s %q, want %q", name, got.AsString(), want)
				}
			}
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					all = append(all, span)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b ptrace.Span) int { return int(a.StartTimestamp()) - int(b.StartTimestamp()) })
	return all
}

func (s spans) counts() map[string]int {
	counts := map[string]int{}
	for _, span := range s {
		counts[span.Name()]++
	}
	return counts
}

// number is an attribute of the last span of a name, 0 where it is missing.
func (s spans) number(name, key string) (n int64) {
	for _, span := range s {
		if span.Name() == name {
			value, _ := span.Attributes().Get(key)
			n = value.Int()
		}
	}
	return n
}

// parents says which span each is a child of. Dead letters are of whoever buries.
var parents = map[string][]string{
	sendRaw: {postHEC, postLogs}, processRaw: {sendRaw}, sendEvents: {processRaw}, processEvents: {sendEvents},
	postSplunk: {processEvents}, sendDead: {processEvents, processRaw},
}

var kinds = map[string]ptrace.SpanKind{
	postHEC: ptrace.SpanKindServer, postLogs: ptrace.SpanKindServer, sendRaw: ptrace.SpanKindProducer, sendEvents: ptrace.SpanKindProducer,
	sendDead: ptrace.SpanKindProducer, processRaw: ptrace.SpanKindConsumer, processEvents: ptrace.SpanKindConsumer, postSplunk: ptrace.SpanKindClient,
}

// connected checks every parent and link, and that all is one trace. It returns its id.
func (s spans) connected(t *testing.T, continued bool) string {
	t.Helper()
	byID := map[pcommon.SpanID]ptrace.Span{}
	traces := map[string]bool{}
	for _, span := range s {
		byID[span.SpanID()] = span
		traces[span.TraceID().String()] = true
	}
	if len(traces) != 1 || continued && !traces[sentTrace] {
		t.Errorf("the traces are %v, want one, and the sender's if there is one", slices.Collect(maps.Keys(traces)))
	}
	for _, span := range s {
		s.check(t, span, byID, continued)
	}
	for id := range traces {
		return id
	}
	return ""
}

func (s spans) check(t *testing.T, span ptrace.Span, byID map[pcommon.SpanID]ptrace.Span, continued bool) {
	t.Helper()
	name := span.Name()
	if span.Kind() != kinds[name] {
		t.Errorf("%s is a %v", name, span.Kind())
	}
	for _, link := range span.Links().All() {
		if to, ok := byID[link.SpanID()]; !ok || to.TraceID() != link.TraceID() {
			t.Errorf("%s is linked to what is not there: %v", name, link.SpanID())
		}
	}
	linked := strings.HasPrefix(name, "send ") || strings.HasPrefix(name, "process ")
	if linked != (span.Links().Len() > 0) {
		t.Errorf("%s has %d links", name, span.Links().Len())
	}
	if span.Kind() == ptrace.SpanKindServer {
		if parent := span.ParentSpanID().String(); continued && parent != sentSpan || !continued && parent != "" {
			t.Errorf("%s is a child of %q", name, parent)
		}
		return
	}
	if parent, ok := byID[span.ParentSpanID()]; !ok || !slices.Contains(parents[name], parent.Name()) || parent.TraceID() != span.TraceID() {
		t.Errorf("%s is a child of %v, want one of %v", name, span.ParentSpanID(), parents[name])
	}
}

// Where many requests go on together, all of them can be found from what goes on: by the
// parent, or by links.
func TestTracesOfMany(t *testing.T) {
	t.Parallel()
	const requests = 60
	sim, url := simulate(t)
	otlp, sink := collect(t, false)
	d := launch(t, url, "telemetry.traces.otlp="+otlp, "telemetry.traces.sample=100", "destinations.splunk.ack=off")
	var sending sync.WaitGroup
	for n := range requests {
		sending.Go(func() {
			post(t, d.hec+"/services/collector/event", bytes.NewBufferString(fmt.Sprintf(`{"event":"n%d"}`, n)), "Authorization", "Splunk "+token)
		})
	}
	sending.Wait()
	eventually(t, "everything arrives", func() bool { return sim.Count() >= requests })
	d.stop()
	all := spansOf(t, sink)
	byID := map[pcommon.SpanID]ptrace.Span{}
	for _, span := range all {
		byID[span.SpanID()] = span
	}
	reached := map[pcommon.SpanID]bool{} // from requests to Splunk, against the way of the events
	var reach func(pcommon.SpanID)
	reach = func(id pcommon.SpanID) {
		span, ok := byID[id]
		if !ok || reached[id] {
			return
		}
		reached[id] = true
		reach(span.ParentSpanID())
		for _, link := range span.Links().All() {
			reach(link.SpanID())
		}
	}
	doors, merged := 0, 0
	for _, span := range all {
		switch span.Name() {
		case postSplunk:
			reach(span.SpanID())
		case postHEC:
			doors++
		case sendRaw:
			merged = max(merged, span.Links().Len())
		}
	}
	if doors != requests || merged < 2 {
		t.Errorf("%d requests have a span, want %d; %d in one block, want several", doors, requests, merged)
	}
	for _, span := range all {
		if !reached[span.SpanID()] {
			t.Errorf("%s of %v leads to no request to Splunk", span.Name(), span.TraceID())
		}
	}
}

// What is not sampled makes no spans, whatever goes on beside it.
func TestTracesOfNone(t *testing.T) {
	t.Parallel()
	sim, url := simulate(t)
	otlp, sink := collect(t, false)
	d := launch(t, url, "telemetry.traces.otlp="+otlp, "telemetry.traces.sample=0", "telemetry.traces.field=trace_id", "destinations.splunk.ack=off")
	postFrames(t, d, []string{whole})
	eventually(t, "it arrives", func() bool { return sim.Count() == 1 })
	postTraced(t, d, []string{whole})
	eventually(t, "that arrives, too", func() bool { return sim.Count() == 2 })
	d.stop()
	if s := spansOf(t, sink); len(s) != spansInOneLine || s.connected(t, true) != sentTrace {
		t.Errorf("%d spans, want those of the one request that its sender traces: %v", len(s), s.counts())
	}
	if first := sim.Events()[0].Fields; first["trace_id"] != nil {
		t.Errorf("an event that nobody traces has the fields %v", first)
	}
}
