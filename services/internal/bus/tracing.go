package bus

import (
	"context"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/tracing"
)

// Names and attributes of spans follow OpenTelemetry's conventions for messaging, which
// have none for NATS.
const (
	system    = "nats"
	sending   = "send"
	processes = "process"

	// attemptsKey is how many times the bus has delivered a message, this time counted.
	attemptsKey = attribute.Key("drainline.delivery.attempts")
)

// Trace is what the span of a message tells, on its way to a stream or from it.
type Trace struct {
	Stream string
	// Carries are the contexts of what is in the message. Without any there is no span.
	Carries tracing.Contexts
	// Messages is the number of requests or events in it; zero is not told.
	Messages int
}

// attributes are those of any operation on a message.
func (t *Trace) attributes(operation string, kind attribute.KeyValue) []attribute.KeyValue {
	a := []attribute.KeyValue{
		semconv.MessagingSystemKey.String(system), semconv.MessagingOperationName(operation), kind,
		semconv.MessagingDestinationName(t.Stream),
	}
	if t.Messages > 0 {
		a = append(a, semconv.MessagingBatchMessageCount(t.Messages))
	}
	return a
}

// traced has a message published within a span, if it carries a trace. Every try is part
// of it.
func (c *Conn) traced(ctx context.Context, m Msg, publish func(context.Context, *nats.Msg) error) error {
	ctx, span := tracing.Start(ctx, c.tracer, sending+" "+m.Trace.Stream, trace.SpanKindProducer, m.Trace.Carries)
	if len(m.Trace.Carries) > 0 {
		m.Traceparent, m.Tracestate = tracing.Format(trace.SpanContextFromContext(ctx))
	}
	if span.IsRecording() {
		span.SetAttributes(append(m.Trace.attributes(sending, semconv.MessagingOperationTypeSend),
			semconv.MessagingMessageID(m.ID.String()), semconv.MessagingMessageBodySize(len(m.Payload)))...)
	}
	err := publish(ctx, m.message())
	tracing.End(span, err)
	return err
}

// Work is what is done with deliveries at once.
type Work struct {
	Trace
	// Durable is the consumer that they came from.
	Durable string
	// ID is that of the delivery where there is only one, else zero.
	ID wire.ID
	// Attempts is how many times the one that came most often has come.
	Attempts int
}

// Process begins the span of working on a delivery of so many requests or events, which
// carry what its message does and more. Whoever calls it ends the span.
func (d *Delivery) Process(ctx context.Context, carries tracing.Contexts, messages int) (context.Context, trace.Span) {
	if len(carries) == 0 {
		return ctx, tracing.None()
	}
	o := d.consumer.o
	return d.consumer.conn.Process(ctx, Work{
		Trace:   Trace{Stream: o.Stream, Carries: carries, Messages: messages},
		Durable: o.Durable, ID: d.ID, Attempts: d.Attempts,
	})
}

// Process begins the span of working on deliveries, which whoever calls it ends.
func (c *Conn) Process(ctx context.Context, w Work) (context.Context, trace.Span) {
	ctx, span := tracing.Start(ctx, c.tracer, processes+" "+w.Stream, trace.SpanKindConsumer, w.Carries)
	if !span.IsRecording() {
		return ctx, span
	}
	span.SetAttributes(append(w.attributes(processes, semconv.MessagingOperationTypeProcess),
		semconv.MessagingConsumerGroupName(w.Durable), attemptsKey.Int(w.Attempts))...)
	if !w.ID.IsZero() {
		span.SetAttributes(semconv.MessagingMessageID(w.ID.String()))
	}
	return ctx, span
}
