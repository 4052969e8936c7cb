// Package tracing is how traces get through what carries many requests at a time: blocks,
// batches and HEC requests. Spans are made for what carries a sampled context, never for
// an event, and nothing but a door begins a trace.
package tracing

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/drainline/drainline/proto/wire"
)

// Scope names Drainline's tracer.
const Scope = "github.com/drainline/drainline/services"

// mostLinks bounds the contexts that one span is linked to: as many as OpenTelemetry
// keeps of a span by default.
const mostLinks = 128

// Contexts are the sampled contexts of what is carried together, each once, the first 128
// of them.
type Contexts []trace.SpanContext

// With adds a context, unless it is not sampled.
func (c Contexts) With(sc trace.SpanContext) Contexts {
	if !sc.IsSampled() || len(c) == mostLinks || c.has(sc) {
		return c
	}
	return append(c, sc)
}

func (c Contexts) has(sc trace.SpanContext) bool {
	return slices.ContainsFunc(c, func(known trace.SpanContext) bool {
		return known.SpanID() == sc.SpanID() && known.TraceID() == sc.TraceID()
	})
}

// Start begins a span of what carries contexts. It is the child of the span in ctx if
// that is sampled, else of the first context, and linked to all. Of what carries none
// there is no span, whatever is in ctx.
func Start(ctx context.Context, tracer trace.Tracer, name string, kind trace.SpanKind, carries Contexts) (context.Context, trace.Span) {
	if len(carries) == 0 {
		return ctx, None()
	}
	links := make([]trace.Link, len(carries))
	for i, sc := range carries {
		links[i].SpanContext = sc
	}
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, carries[0])
	}
	return tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithLinks(links...)) //nolint:spancheck // whoever starts it ends it
}

// None is the span of what is not traced.
func None() trace.Span { return noop.Span{} }

// End ends a span, with what went wrong.
func End(span trace.Span, err error) {
	Fail(span, err)
	span.End()
}

// Fail notes with a span what went wrong, if anything did.
func Fail(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetAttributes(semconv.ErrorType(err))
		span.SetStatus(codes.Error, strings.ToValidUTF8(err.Error(), "\uFFFD")) // else no exporter takes it
	}
}

// Sampled reads a W3C trace context. It is the zero context unless it is a sampled one.
func Sampled(traceparent, tracestate string) trace.SpanContext {
	if !mayBeSampled(traceparent) {
		return trace.SpanContext{}
	}
	sc := Parse(traceparent, tracestate)
	if !sc.IsSampled() {
		return trace.SpanContext{}
	}
	return sc
}

// Parse reads a W3C trace context, which is the zero one when it is none.
func Parse(traceparent, tracestate string) trace.SpanContext {
	// What is kept of it may outlive the memory that it is in.
	c := carrier{traceparent, strings.Clone(tracestate)}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), &c))
}

// mayBeSampled looks at the flag, the last bit of what every version has, so that what is
// not sampled costs nothing.
func mayBeSampled(traceparent string) bool {
	const last = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") - 1
	if len(traceparent) <= last {
		return false
	}
	digit := traceparent[last]
	return digit >= '0' && digit <= '9' && digit&1 == 1 || digit >= 'a' && digit <= 'f' && digit&1 == 0
}

// Format writes a context as W3C has it, both empty for one that is not valid.
func Format(sc trace.SpanContext) (traceparent, tracestate string) {
	var c carrier
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), sc), &c)
	return c.traceparent, c.tracestate
}

// carrier holds one trace context. Its keys are those of the bus.
type carrier struct{ traceparent, tracestate string }

func (c *carrier) Get(key string) string {
	switch key {
	case wire.HeaderTraceparent:
		return c.traceparent
	case wire.HeaderTracestate:
		return c.tracestate
	}
	return ""
}

func (c *carrier) Set(key, value string) {
	switch key {
	case wire.HeaderTraceparent:
		c.traceparent = value
	case wire.HeaderTracestate:
		c.tracestate = value
	}
}

func (c *carrier) Keys() []string { return []string{wire.HeaderTraceparent, wire.HeaderTracestate} }
