package topology

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/services/internal/bus"
)

// Holding is what a stream holds now.
type Holding struct {
	Name string `json:"name"`
	// Destination that the events are for; empty for streams of something else.
	Destination string `json:"destination,omitempty"`
	Messages    uint64 `json:"messages"`
	Bytes       uint64 `json:"bytes"`
	MaxBytes    int64  `json:"max_bytes"`
	// Oldest is when the oldest message was stored; zero when there is none.
	Oldest time.Time `json:"oldest,omitzero"`
	// Consumed says that what it holds is waiting for a service: Pending messages are yet to
	// be taken, Unacked are in somebody's hands, of which Redelivered not for the first time.
	Consumed    bool   `json:"consumed,omitempty"`
	Pending     uint64 `json:"pending"`
	Unacked     int    `json:"unacked"`
	Redelivered int    `json:"redelivered,omitempty"`
}

// Holdings says what the planned streams hold of logs. Notes on suspects and on
// acknowledgement are none, nor are books and records.
func (p Plan) Holdings(ctx context.Context, c *bus.Conn) ([]Holding, error) {
	holdings := make([]Holding, 0, len(p.Streams))
	for _, planned := range p.Streams {
		switch planned.Config.Name {
		case c.Names().SuspectStream(), c.Names().AckStream(), c.Names().AckIDStream(), c.Names().LedgerStream(), c.Names().AuditStream():
			continue
		}
		s, err := c.JetStream().Stream(ctx, planned.Config.Name)
		if err != nil {
			return holdings, streamError(planned, err)
		}
		h := newHolding(s.CachedInfo())
		h.Destination = planned.Destination
		if planned.Consumer != nil {
			if err := h.consumed(ctx, s, planned.Consumer.Durable); err != nil {
				return holdings, err
			}
		}
		holdings = append(holdings, h)
	}
	return holdings, nil
}

func newHolding(info *jetstream.StreamInfo) Holding {
	h := Holding{Name: info.Config.Name, Messages: info.State.Msgs, Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes}
	if h.Messages > 0 {
		h.Oldest = info.State.FirstTime
	}
	return h
}

// consumed adds what the consumer says. One that is not there has taken nothing.
func (h *Holding) consumed(ctx context.Context, s jetstream.Stream, durable string) error {
	h.Consumed, h.Pending = true, h.Messages
	k, err := s.Consumer(ctx, durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stream %s: consumer %s: %w", h.Name, durable, err)
	}
	info := k.CachedInfo()
	h.Pending, h.Unacked, h.Redelivered = info.NumPending, info.NumAckPending, info.NumRedelivered
	return nil
}

// Orphans are the streams under the prefix that are not planned: of destinations and
// shards that were taken out of the configuration. Nothing takes what they hold.
func (p Plan) Orphans(ctx context.Context, c *bus.Conn) ([]Holding, error) {
	planned := map[string]bool{}
	for _, s := range p.Streams {
		planned[s.Config.Name] = true
	}
	var orphans []Holding
	list := c.JetStream().ListStreams(ctx, jetstream.WithStreamListSubject(c.Names().Subjects()))
	for info := range list.Info() {
		if !planned[info.Config.Name] {
			orphans = append(orphans, newHolding(info))
		}
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("the streams cannot be listed: %w", err)
	}
	return orphans, nil
}
