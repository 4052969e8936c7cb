package trace

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	otel "go.opentelemetry.io/otel/trace"
)

const incoming = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func post(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://logs.example.com/logs/shop?token=secret", strings.NewReader("1 a"))
	for ; len(headers) > 0; headers = headers[2:] {
		r.Header.Set(headers[0], headers[1])
	}
	return r
}

// What goes on with a request, by what it came with and what is sampled here.
func TestSpanOfRequest(t *testing.T) {
	t.Parallel()
	unsampled := incoming[:53] + "00"
	for _, c := range []struct {
		name, parent string
		rate         float64 // of requests that come without a trace; negative is no tracer
		span         bool
		goesOn       string // "" nothing, "new", "child" or what it came with
	}{
		{"nothing, all are sampled", "", 1, true, "new"},
		{"nothing, none is sampled", "", 0, false, ""},
		{"nothing, no tracer", "", -1, false, ""},
		{"sampled by the sender", incoming, 0, true, "child"},
		{"left out by the sender", unsampled, 1, false, unsampled},
		{"sampled by the sender, no tracer", incoming, -1, false, incoming},
		{"what is no trace", "00-x", 1, true, "new"},
		{"what is no trace, none is sampled", "00-x", 0, false, ""},
	} {
		recorder := tracetest.NewSpanRecorder()
		var tracer otel.Tracer
		if c.rate >= 0 {
			sampler := sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.rate))
			tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithSampler(sampler)).Tracer("")
		}
		r, end := Begin(tracer, post("Traceparent", c.parent, "Tracestate", "a=1"), "/logs/{app}")
		got := Of(r).GetTraceparent()
		end()
		spans := recorder.Ended()
		if len(spans) == 1 != c.span {
			t.Errorf("%s: %d spans", c.name, len(spans))
			continue
		}
		switch c.goesOn {
		case "new":
			if sc := spans[0].SpanContext(); !strings.Contains(got, sc.SpanID().String()) || spans[0].Parent().IsValid() {
				t.Errorf("%s: %q goes on, with the span %v of %v", c.name, got, sc.SpanID(), spans[0].Parent())
			}
		case "child":
			want := incoming[:36] + spans[0].SpanContext().SpanID().String() + "-01"
			if got != want || spans[0].Parent().SpanID().String() != incoming[36:52] || Of(r).GetTracestate() != "a=1" {
				t.Errorf("%s: %q goes on, want %q", c.name, got, want)
			}
		default:
			if got != c.goesOn {
				t.Errorf("%s: %q goes on, want %q", c.name, got, c.goesOn)
			}
		}
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		want   codes.Code
		fault  string
	}{
		{http.StatusNoContent, codes.Unset, ""},
		{http.StatusForbidden, codes.Unset, ""},
		{http.StatusServiceUnavailable, codes.Error, "503"},
	} {
		recorder := tracetest.NewSpanRecorder()
		tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("")
		r, end := Begin(tracer, post("User-Agent", "Logplex/v73\xff"), "/logs/{app}")
		Note(r, "default", "d.one")
		w := httptest.NewRecorder()
		Answering(w, r).WriteHeader(c.status)
		end()
		if w.Code != c.status {
			t.Errorf("%d was answered as %d", c.status, w.Code)
		}
		span := recorder.Ended()[0]
		if span.Name() != "POST /logs/{app}" || span.SpanKind() != otel.SpanKindServer || span.Status().Code != c.want {
			t.Errorf("%d: %s, a %v that ended as %v", c.status, span.Name(), span.SpanKind(), span.Status())
		}
		got := map[string]string{}
		for _, a := range span.Attributes() {
			got[string(a.Key)] = a.Value.String()
		}
		for key, want := range map[string]string{
			"http.request.method": "POST", "http.route": "/logs/{app}", "url.path": "/logs/shop", "url.scheme": "http",
			"http.response.status_code": strconv.Itoa(c.status), "error.type": c.fault, "user_agent.original": "Logplex/v73?",
			"client.address": "192.0.2.1", "drainline.credential": "default", "drainline.drain_token": "d.one",
			"network.protocol.version": "1.1", "http.request.body.size": "3",
		} {
			if got[key] != want {
				t.Errorf("%d: %s is %q, want %q", c.status, key, got[key], want)
			}
		}
		for key, value := range got {
			if strings.Contains(value, "secret") {
				t.Errorf("%s shows a secret", key)
			}
		}
	}
}
