package spool

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

const (
	// inFlight is how many blocks of unordered shards are forwarded at a time.
	inFlight = 8
	// refusedPause is when a block that the bus refuses for good is tried again. It
	// was accepted, so it stays until somebody mends the bus.
	refusedPause = 30 * time.Second
)

// deal gives the blocks of ordered shards to one who forwards, and the rest to
// others, until ctx ends. A shard that takes nothing holds up all that come after.
func (s *Spool) deal(ctx context.Context, ordered, others chan<- *bus.Delivery) {
	for {
		d, err := s.consumer.Next(ctx)
		if err != nil {
			return
		}
		to := others
		if isOrdered(d.Subject) {
			to = ordered
		}
		select {
		case to <- d:
		case <-ctx.Done():
			d.Release(0)
			return
		}
	}
}

// forward brings blocks to the bus, each until it is stored there, until ctx ends.
// The bus recognises one that it has already.
func (s *Spool) forward(ctx context.Context, blocks <-chan *bus.Delivery) {
	for {
		select {
		case d := <-blocks:
			s.send(ctx, d)
		case <-ctx.Done():
			return
		}
	}
}

func (s *Spool) send(ctx context.Context, d *bus.Delivery) {
	err := s.main.Publish(ctx, bus.Msg{
		ID: d.ID, Subject: s.subject(d.Subject), Traceparent: d.Traceparent, Tracestate: d.Tracestate, Payload: d.Payload,
	})
	if err == nil {
		d.Ack()
		s.forwarded.Add(1)
		return
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

// subject is where a block goes. One of a shard that was there when it was stored
// goes to another of its kind: nobody would look for it in its own.
func (s *Spool) subject(stored string) string {
	kind := s.subjects
	if isOrdered(stored) {
		kind = s.ordered
	}
	if slices.Contains(kind, stored) {
		return stored
	}
	return kind[0]
}

// isOrdered reports whether a subject, under any prefix, is of an ordered shard.
func isOrdered(subject string) bool {
	shard := subject[strings.LastIndexByte(subject, '.')+1:]
	n, err := strconv.Atoi(shard[min(1, len(shard)):])
	return err == nil && shard == wire.OrderedShard(n)
}

// subjects are those of n shards, but one at least.
func subjects(names wire.Names, n int, shard func(int) string) []string {
	all := make([]string, max(n, 1))
	for n := range all {
		all[n] = names.RawSubject(shard(n))
	}
	return all
}
