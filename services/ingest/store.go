package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/ingest/internal/seen"
	"github.com/drainline/drainline/services/ingest/internal/spool"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/ledger"
)

// store puts requests on the bus, each once.
type store struct {
	unordered shards
	ordered   shards // for drains whose lines are joined
	index     *seen.Index
	gossip    *gossip
	counts    *Counts
	books     *ledger.Ledger
	// late are the appends whose requests were answered before the bus did.
	late sync.WaitGroup
}

// newStore has what the bus does not take go to the spool, if there is one.
func newStore(ctx context.Context, o Options, spool *spool.Spool, counts *Counts) (*store, error) {
	s := &store{
		index: seen.New(seen.Memory, seen.Limit), counts: counts,
		books: ledger.New(ledger.Options{Bus: o.Bus, Stage: wire.StageIngest, Log: o.Log}),
	}
	ctx, cancel := context.WithTimeout(ctx, recalling)
	defer cancel()
	var err error
	if s.gossip, err = newGossip(ctx, o.Bus, s.index, o.Log); err != nil {
		return nil, err
	}
	var fallback *bus.Fallback
	if spool != nil {
		fallback = spool.Fallback()
		recall(ctx, spool.Conn(), wire.SpoolStream, s.index, o.Log)
	}
	raw := o.Config.Bus.Raw
	s.unordered = s.openShards(ctx, o.Bus, raw.Shards, wire.Shard, fallback, o.Log)
	s.ordered = s.openShards(ctx, o.Bus, raw.OrderedShards, wire.OrderedShard, fallback, o.Log)
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
			s.book(part)
		default:
			theirs, landed = append(theirs, part), flight
		}
	}
	return mine, theirs, landed
}

// book books a part that was stored before, by the app that its URL names: of lines, and
// of what drains are listed as, transform knows.
func (s *store) book(part parcel.Part) {
	r := part.Request
	app := cmp.Or(r.GetFacts().GetPathApp(), r.GetQuery()[wire.QueryApp])
	var t ledger.Tally
	t.Row(ledger.Key{Input: ledger.Input(app, r.GetDrainToken(), r.GetCredential()), Credential: r.GetCredential()}).
		Duplicate.Add(max(part.Frames, 1), len(r.GetBody()))
	s.books.Post(&t)
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
	kind := s.unordered
	if p.Ordered {
		kind = s.ordered
	}
	if err := kind.of(p.Shard).Append(ctx, requests...); err != nil {
		return fmt.Errorf("block: %w", err)
	}
	return nil
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
// known: a shard that nothing was given to knows of no full stream.
func (s *store) trouble() error {
	var errs []error
	for _, sh := range s.shards() {
		err := sh.Trouble()
		if err == nil && sh.used.Load() {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *store) shards() shards { return slices.Concat(s.unordered, s.ordered) }

// close stores what is on its way until ctx ends.
func (s *store) close(ctx context.Context) error {
	var err error
	for _, sh := range s.shards() {
		err = errors.Join(err, sh.Close(ctx))
	}
	s.late.Wait() // every append has an outcome now
	s.books.Flush()
	s.gossip.close()
	return err
}
