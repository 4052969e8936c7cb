package ingest

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"sync"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/ingest/internal/seen"
	"github.com/drainline/drainline/services/ingest/internal/spool"
	"github.com/drainline/drainline/services/internal/bus"
)

// store puts requests on the bus, each once.
type store struct {
	writers []*bus.BlockWriter
	index   *seen.Index
	gossip  *gossip
	counts  *Counts
	// late are the appends whose requests were answered before the bus did.
	late sync.WaitGroup
}

// newStore has what b does not take go to the spool, if there is one.
func newStore(ctx context.Context, b *bus.Conn, shards int, spool *spool.Spool, counts *Counts, log *slog.Logger) (*store, error) {
	s := &store{index: seen.New(seen.Memory, seen.Limit), counts: counts}
	ctx, cancel := context.WithTimeout(ctx, recalling)
	defer cancel()
	var err error
	if s.gossip, err = newGossip(ctx, b, s.index, log); err != nil {
		return nil, err
	}
	var fallback *bus.Fallback
	if spool != nil {
		fallback = spool.Fallback()
		recall(ctx, spool.Conn(), wire.SpoolStream, s.index, log)
	}
	for n := range max(shards, 1) {
		shard := wire.Shard(n)
		if !b.Away() {
			recall(ctx, b, b.Names().RawStream(shard), s.index, log)
		}
		s.writers = append(s.writers, bus.NewBlockWriter(b, shard, fallback)) //nolint:contextcheck // it lives until it is closed
	}
	return s, nil
}

// Store implements parcel.Store.
func (s *store) Store(ctx context.Context, p *parcel.Parcel) error {
	parts := p.Parts
	for {
		mine, theirs, landed := s.claim(p, parts)
		err := s.append(ctx, p, mine)
		if late, ok := errors.AsType[*bus.UnsettledError](err); ok {
			s.late.Go(func() { s.settle(p, mine, <-late.Done()) })
			return err
		}
		s.settle(p, mine, err)
		if err != nil || len(theirs) == 0 {
			return err
		}
		select {
		case <-landed:
			parts = theirs // stored by now, or ours to store
		case <-ctx.Done():
			return fmt.Errorf("an earlier try of the request is not stored yet: %w", ctx.Err())
		}
	}
}

// claim sorts parts into those to store here and those that an earlier try of
// the request is storing, of which one will have landed. What is stored already
// is in neither. Nobody waits for another while others wait for a claim of his,
// because mine are stored before theirs are waited for.
func (s *store) claim(p *parcel.Parcel, parts []parcel.Part) (mine, theirs []parcel.Part, landed <-chan struct{}) {
	if !p.Repeatable {
		return parts, nil, nil
	}
	mine = make([]parcel.Part, 0, len(parts))
	for _, part := range parts {
		ours, known, flight := s.index.Claim(part.ID)
		switch {
		case ours:
			mine = append(mine, part)
		case known:
			s.counts.Duplicates.Add(1)
		default:
			theirs, landed = append(theirs, part), flight
		}
	}
	return mine, theirs, landed
}

// append stores parts with one group commit. Parts in different blocks have one
// outcome: when the block of one fails, so does the request, and its retry stores
// the others again.
func (s *store) append(ctx context.Context, p *parcel.Parcel, parts []parcel.Part) error {
	if len(parts) == 0 {
		return nil
	}
	requests := make([]*drainlinev1.Request, len(parts))
	for i := range parts {
		requests[i] = parts[i].Request
	}
	if err := s.writer(p.Shard).Append(ctx, requests...); err != nil {
		return fmt.Errorf("block: %w", err)
	}
	return nil
}

// writer keeps the requests of one drain in one stream.
func (s *store) writer(shard string) *bus.BlockWriter {
	n := crc32.ChecksumIEEE([]byte(shard)) % uint32(len(s.writers))
	return s.writers[n]
}

// settle is told what became of claimed parts. Their bodies may be gone: only how
// long they were can be asked.
func (s *store) settle(p *parcel.Parcel, parts []parcel.Part, err error) {
	for _, part := range parts {
		if err == nil {
			s.count(part)
		}
		if !p.Repeatable {
			continue
		}
		s.index.Settle(part.ID, err == nil)
		if err == nil {
			s.gossip.tell(part.ID)
		}
	}
}

// count counts what came from Logplex. The HEC door counts its events itself.
func (s *store) count(part parcel.Part) {
	switch part.Request.GetEncoding() {
	case drainlinev1.Encoding_ENCODING_HEC_EVENTS, drainlinev1.Encoding_ENCODING_HEC_RAW:
		return
	}
	s.counts.Frames.Add(part.Frames)
	s.counts.Bytes.Add(len(part.Request.GetBody()))
	if part.Frames == 0 {
		s.counts.Unframed.Add(len(part.Request.GetBody()))
	}
}

// trouble is why nothing can be stored now, nil while anything can, as far as is
// known.
func (s *store) trouble() error {
	var errs []error
	for _, w := range s.writers {
		err := w.Trouble()
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// close stores what is on its way until ctx ends.
func (s *store) close(ctx context.Context) error {
	var err error
	for _, w := range s.writers {
		err = errors.Join(err, w.Close(ctx))
	}
	s.late.Wait() // every append has an outcome now
	s.gossip.close()
	return err
}
