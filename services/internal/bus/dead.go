package bus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/tracing"
)

// maxOriginal is what a dead letter keeps at most of what died, in bytes. All
// that Drainline publishes is smaller when it is compressed; what others put on
// its subjects may not be.
const maxOriginal = wire.MaxPayload

// Dead stores a dead letter. It fills in when it died and tries until ctx ends:
// a stage must not let go of an input before its dead letter is kept.
func (c *Conn) Dead(ctx context.Context, d *drainlinev1.DeadBlock) error {
	d.DiedNs = time.Now().UnixNano()
	if d.GetContent() == drainlinev1.Content_CONTENT_PAYLOAD && len(d.GetOriginal()) > maxOriginal {
		d.Sentence = fmt.Sprintf("%s (the first %d of %d bytes are kept)", d.GetSentence(), maxOriginal, len(d.GetOriginal()))
		d.Original = d.GetOriginal()[:maxOriginal]
	}
	// Protobuf has no strings but UTF-8, and a foreign byte in a header must not
	// keep a message from dying.
	d.Sentence = strings.ToValidUTF8(d.GetSentence(), "\uFFFD")
	if t := d.GetTrace(); t != nil {
		t.Traceparent, t.Tracestate = strings.ToValidUTF8(t.GetTraceparent(), ""), strings.ToValidUTF8(t.GetTracestate(), "")
	}
	message, err := proto.Marshal(d)
	if err != nil {
		return &PermanentError{Err: fmt.Errorf("dead letter %s/%s: %w", d.GetStage(), d.GetReason(), err)}
	}
	err = c.Publish(ctx, Msg{
		ID:          wire.ToID(d.GetId()),
		Subject:     c.names.DeadSubject(d.GetStage(), d.GetReason()),
		Traceparent: d.GetTrace().GetTraceparent(),
		Tracestate:  d.GetTrace().GetTracestate(),
		Payload:     wire.Seal(nil, message),
		Trace: Trace{
			Stream:  c.names.DeadStream(),
			Carries: tracing.Contexts(nil).With(tracing.Sampled(d.GetTrace().GetTraceparent(), d.GetTrace().GetTracestate())),
		},
	})
	if err == nil {
		c.meters.died(d.GetStage(), d.GetReason())
	}
	return err
}
