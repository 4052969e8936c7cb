package bus

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// Dead stores a dead letter. It fills in when it died and tries until ctx ends:
// a stage must not let go of an input before its dead letter is kept.
func (c *Conn) Dead(ctx context.Context, d *drainlinev1.DeadBlock) error {
	d.DiedNs = time.Now().UnixNano()
	message, err := proto.Marshal(d)
	if err != nil {
		return &PermanentError{Err: fmt.Errorf("dead letter %s/%s: %w", d.GetStage(), d.GetReason(), err)}
	}
	return c.Publish(ctx, Msg{
		ID:          wire.ToID(d.GetId()),
		Subject:     c.names.DeadSubject(d.GetStage(), d.GetReason()),
		Traceparent: d.GetTrace().GetTraceparent(),
		Tracestate:  d.GetTrace().GetTracestate(),
		Payload:     wire.Seal(nil, message),
	})
}
