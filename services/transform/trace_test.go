package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/telemetry"
)

const (
	tracedID = "0af7651916cd43dd8448eb211c80319c"
	traced   = "00-" + tracedID + "-b7ad6b7169203331-01"
)

// What goes wrong with a block is logged with the trace of its request.
func TestTheLogLeadsToTheTrace(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.Config(t, nil))
	var out bytes.Buffer
	log, err := telemetry.NewLog(t.Context(), &out, config.Logs{Level: "info", Format: "json"}, resource.Empty())
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider()
	conn, err := bus.Connect(t.Context(), bus.Options{
		InProcess: b.Server, Name: "transform", Names: wire.Names{Prefix: b.Config.Bus.Prefix}, ConnectTimeout: bustest.Patience,
		Log: bustest.Log(t), Tracer: provider.Tracer("test"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	r := startServiceWith(t, b, Options{Config: b.Config, Bus: conn, Metrics: bustest.Metrics(t), Log: log.Logger})
	r.limitMessages(t, r.conn.Names().EventsStream("splunk"))
	failing := numbered(1)
	failing.Requests[0].Trace = &drainlinev1.Trace{Traceparent: traced}
	r.publish(t, sealed(t, failing))
	r.AwaitMessages(r.conn, r.conn.Names().RawStream("s0"), 0)
	r.stop()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		var record struct {
			Msg     string `json:"msg"`
			TraceID string `json:"trace_id"`
			SpanID  string `json:"span_id"`
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(record.Msg, "becomes a dead letter") {
			if record.TraceID != tracedID || len(record.SpanID) != 16 || strings.Contains(traced, record.SpanID) {
				t.Errorf("not within a span of the request's trace: %s", line)
			}
			return
		}
	}
	t.Errorf("nothing is told of the block:\n%s", &out)
}

// The trace of a request is read once, however many apps its events are of.
func TestATraceIsReadOnceARequest(t *testing.T) {
	const apps = 1000
	var body strings.Builder
	for n := range apps {
		fmt.Fprintf(&body, `{"event":1,"fields":{%q:"app%d"}}`, fieldApp, n)
	}
	cost := map[string]float64{}
	for _, parent := range []string{"", traced} {
		r := envelopes(func(r *drainlinev1.Request) { r.Trace = &drainlinev1.Trace{Traceparent: parent} }, body.String())
		s := newTransformer(&settings{destinations: []string{"splunk"}, appFrom: everywhere})
		cost[parent] = testing.AllocsPerRun(10, func() {
			out, err := s.transform(block(r))
			if err != nil || len(out.Batches) != 1 {
				t.Fatal(len(out.Batches), err)
			}
			if carries := out.Batches[0].Carries; (len(carries) == 1) != (parent != "") {
				t.Fatalf("%d contexts are carried", len(carries))
			}
		})
	}
	if more := cost[traced] - cost[""]; more > apps/10 {
		t.Errorf("%v allocations more for a trace", more)
	}
}
