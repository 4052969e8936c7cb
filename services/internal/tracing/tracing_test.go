package tracing_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unsafe"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/drainline/drainline/services/internal/tracing"
)

const (
	one = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	two = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

func TestSampled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, parent, state, want string }{
		{"sampled", one, "", one},
		{"sampled with state", one, "a=1,b=2", one + " a=1,b=2"},
		{"other flags too", one[:53] + "03", "", one[:53] + "03"},
		{"a later version", "cc" + one[2:] + "-more", "", one},
		{"a state that is none", one, "a==;\x00", one},
		{"not sampled", one[:53] + "00", "a=1", ""},
		{"another flag", one[:53] + "02", "", ""},
		{"nothing", "", "a=1", ""},
		{"cut", one[:54], "", ""},
		{"no hexadecimal digits", strings.Repeat("z", 54) + "1", "", ""},
		{"no trace", "00-" + strings.Repeat("0", 32) + one[35:], "", ""},
	} {
		parent, state := tracing.Format(tracing.Sampled(c.parent, c.state))
		if got := strings.TrimSpace(parent + " " + state); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// What is kept of a context does not change with the memory that it was read from.
func TestSampledKeepsNoMemory(t *testing.T) {
	t.Parallel()
	memory := []byte("vendor=first")
	sc := tracing.Sampled(one, unsafe.String(&memory[0], len(memory)))
	copy(memory, "tumbleweed..")
	if _, state := tracing.Format(sc); state != "vendor=first" {
		t.Errorf("the state has become %q", state)
	}
}

func TestContexts(t *testing.T) {
	t.Parallel()
	first, second := tracing.Sampled(one, ""), tracing.Parse(two, "")
	c := tracing.Contexts(nil).With(trace.SpanContext{}).With(first).With(second).With(first).With(first.WithTraceFlags(0))
	if len(c) != 2 || !c[0].Equal(first) || !c[1].Equal(second) {
		t.Errorf("%d contexts, want the sampled ones once, in order", len(c))
	}
	for n := range 1000 {
		c = c.With(first.WithSpanID(trace.SpanID{1, byte(n >> 8), byte(n)}))
	}
	if len(c) != 128 {
		t.Errorf("%d contexts, want 128 at most", len(c))
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	tracer := provider.Tracer(tracing.Scope)
	first, second := tracing.Sampled(one, ""), tracing.Parse(two, "")
	both := tracing.Contexts{first, second}

	ctx, outer := tracing.Start(t.Context(), tracer, "outer", trace.SpanKindConsumer, both)
	_, inner := tracing.Start(ctx, tracer, "inner", trace.SpanKindProducer, tracing.Contexts{second})
	if _, none := tracing.Start(ctx, tracer, "none", trace.SpanKindProducer, nil); none.SpanContext().IsValid() {
		t.Error("there is a span of what carries nothing")
	}
	tracing.End(inner, errors.New("refused"))
	tracing.End(outer, nil)

	spans := recorder.Ended()
	if len(spans) != 2 {
		t.Fatalf("%d spans, want 2", len(spans))
	}
	in, out := spans[0], spans[1]
	if !out.Parent().Equal(first.WithRemote(true)) || len(out.Links()) != 2 || !out.Links()[1].SpanContext.Equal(second) {
		t.Errorf("the parent is %v with links %v, want the first and both", out.Parent(), out.Links())
	}
	if !in.Parent().Equal(out.SpanContext()) || len(in.Links()) != 1 || !in.Links()[0].SpanContext.Equal(second) {
		t.Errorf("the parent is %v with links %v, want the span in ctx and the second", in.Parent(), in.Links())
	}
	if in.Status().Code != codes.Error || in.Status().Description != "refused" || out.Status().Code != codes.Unset {
		t.Errorf("ended as %v and %v", in.Status(), out.Status())
	}
}

// Without spans of its own a process passes the context on.
func TestStartWithoutSpans(t *testing.T) {
	t.Parallel()
	first := tracing.Sampled(one, "a=1")
	ctx, span := tracing.Start(context.Background(), noop.Tracer{}, "none", trace.SpanKindProducer, tracing.Contexts{first})
	span.End()
	if parent, state := tracing.Format(trace.SpanContextFromContext(ctx)); parent != one || state != "a=1" {
		t.Errorf("what is passed on is %q %q", parent, state)
	}
}
