package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/drainline/drainline/services/internal/hec"
)

const (
	// maxAsked is how many ids a client may ask about at a time: Vector's bound of
	// those that it waits for.
	maxAsked = 1 << 20
	// maxQuery bounds a request to the ack endpoint, in bytes: so many ids of seven
	// digits.
	maxQuery = 8 << 20
)

// query answers a request to the ack endpoint; its errors are those of take. What
// may be over after a while is never a 4xx here: Vector takes that for "delivered".
func (c *Collector) query(w http.ResponseWriter, q *request) ([]byte, error) {
	if !q.token.Ack {
		return nil, refusal(hec.AckDisabled, "")
	}
	channel, err := q.channel()
	if err != nil {
		return nil, err
	}
	b, err := c.read(w, q, c.queries, q.rules.queryLimits())
	if refused, ok := errors.AsType[*hec.RefusedError](err); ok && refused.Code == hec.TooLarge {
		return nil, errors.New(refused.Reason)
	}
	if err != nil {
		return nil, err
	}
	defer b.Release()
	ids, refused := hec.ParseAckQuery(b.Bytes, maxAsked)
	if refused != nil {
		return nil, refused
	}
	ctx, cancel := context.WithTimeout(q.http.Context(), q.rules.Hold)
	defer cancel()
	delivered, err := c.Acks.Query(ctx, q.token.Name, channel, ids)
	if err != nil {
		return nil, fmt.Errorf("acks: %w", err)
	}
	c.Counts.Queries.Add(1)
	acked := make([]bool, len(ids))
	for i, id := range ids {
		acked[i] = delivered[id]
	}
	return hec.AppendAcks(nil, ids, acked), nil
}
