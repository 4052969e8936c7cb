package spool

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/drainline/drainline/services/internal/bus"
)

const (
	// inFlight is how many blocks are forwarded at a time.
	inFlight = 8
	// refusedPause is when a block that the bus refuses for good is tried again. It
	// was accepted, so it stays until somebody mends the bus.
	refusedPause = 30 * time.Second
)

// forward brings blocks to the bus, each until it is stored there, until ctx ends.
// The bus recognises one that it has already.
func (s *Spool) forward(ctx context.Context) {
	for {
		d, err := s.consumer.Next(ctx)
		if err != nil {
			return
		}
		err = s.main.Publish(ctx, bus.Msg{
			ID: d.ID, Subject: s.subject(d.Subject), Traceparent: d.Traceparent, Tracestate: d.Tracestate, Payload: d.Payload,
		})
		if err == nil {
			d.Ack()
			s.forwarded.Add(1)
			continue
		}
		if _, ok := errors.AsType[*bus.PermanentError](err); !ok {
			d.Release(0) // ctx has ended
			return
		}
		if s.refused.Due() {
			s.log.Error("the bus refuses a block of the spool, which keeps it", "id", d.ID, "error", err)
		}
		d.Release(refusedPause)
	}
}

// subject is where a block goes. One of a shard that was there when it was stored
// goes to another: nobody would look for it in its own.
func (s *Spool) subject(stored string) string {
	if slices.Contains(s.subjects, stored) {
		return stored
	}
	return s.subjects[0]
}
