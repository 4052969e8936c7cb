package bus

import (
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/tracing"
)

// ReasonDamaged is the reason code of a message that is not what was published.
const ReasonDamaged = "damaged"

// newerPause is how long a message of a newer schema is left to instances that
// have been upgraded.
const newerPause = 30 * time.Second

// Delivery is one message, held until Ack or Release. A held message is kept
// alive: the server gives it to nobody else while its holder runs.
type Delivery struct {
	ID          wire.ID
	Subject     string
	Payload     []byte
	Traceparent string
	Tracestate  string
	// Context is that of whoever published the message, zero unless it is sampled.
	Context trace.SpanContext
	// Attempts counts this delivery too.
	Attempts int
	// Stored is when the bus stored the message.
	Stored time.Time

	msg      jetstream.Msg
	consumer *Consumer
	taken    bool
	// sequence is the message's in its stream. It orders, and is no identity.
	sequence uint64
}

func newDelivery(k *Consumer, msg jetstream.Msg) *Delivery {
	headers := msg.Headers()
	d := &Delivery{
		Subject: msg.Subject(), Payload: msg.Data(), msg: msg, consumer: k,
		Traceparent: headers.Get(wire.HeaderTraceparent), Tracestate: headers.Get(wire.HeaderTracestate),
	}
	d.Context = tracing.Sampled(d.Traceparent, d.Tracestate)
	var ok bool
	if d.ID, ok = wire.ParseID(headers.Get(wire.HeaderMsgID)); !ok {
		d.ID = wire.PayloadID(d.Payload) // not ours, but it must not stop the stream
	}
	if meta, err := msg.Metadata(); err == nil {
		d.Attempts, d.Stored, d.sequence = int(meta.NumDelivered), meta.Timestamp, meta.Sequence.Stream
	}
	return d
}

func (d *Delivery) size() int64 { return int64(len(d.Payload)) }

// Open returns the sealed message in the payload, inflated into buf if that is
// large enough. One of a newer schema is released, with an alarm once a minute,
// and the error is ErrNewer; any other error says that the message is damaged.
func (d *Delivery) Open(buf []byte) ([]byte, error) {
	message, err := wire.Open(buf, d.Payload)
	if _, newer := errors.AsType[*wire.NewerSchemaError](err); newer {
		if d.consumer.newer.Due() {
			d.consumer.log.Error("a message waits for an instance that can read it", "id", d.ID, "error", err)
		}
		d.Release(newerPause)
		return nil, ErrNewer
	}
	return message, err
}

// Ack says that every event in the message is delivered, dead or dropped.
func (d *Delivery) Ack() {
	k := d.consumer
	if k.forget(d, &k.acked) {
		k.last.add(d.msg.Reply())
		k.answer("ack", d.msg.Ack())
	}
}

// Release gives a message back, of which nothing was taken, to be delivered
// again after delay.
func (d *Delivery) Release(delay time.Duration) {
	k := d.consumer
	if k.forget(d, &k.released) {
		k.answer("release", d.msg.NakWithDelay(delay))
	}
}

// Dead begins a dead letter that holds the delivery's payload as it is.
func (d *Delivery) Dead(stage, reason, sentence string) *drainlinev1.DeadBlock {
	id := wire.DeadID(d.ID, stage, reason)
	return &drainlinev1.DeadBlock{
		Id: id[:], Stage: stage, Reason: reason, Sentence: sentence,
		Content: drainlinev1.Content_CONTENT_PAYLOAD, Original: d.Payload,
		Attempts: uint32(d.Attempts), ReceivedNs: d.Stored.UnixNano(), Subject: d.Subject,
		Trace: &drainlinev1.Trace{Traceparent: d.Traceparent, Tracestate: d.Tracestate},
	}
}
