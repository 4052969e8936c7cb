package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/seen"
	"github.com/drainline/drainline/services/internal/bus"
)

const (
	idLength = len(wire.ID{})
	// gather is how long ids are gathered before the other instances hear of them:
	// less than a sender needs to come back with a retry.
	gather = 3 * time.Millisecond
	// maxMessage bounds one broadcast and maxUntold what waits for it, in bytes. What
	// comes on top is not told, which can cost a duplicate.
	maxMessage = 64 << 10
	maxUntold  = 1 << 20
	// recalling bounds reading back what the streams hold.
	recalling = 3 * time.Second
)

// gossip tells the other instances which requests were stored here, and learns
// from them: Logplex may send a retry to any.
type gossip struct {
	bus    *bus.Conn
	log    *slog.Logger
	unhear func()
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	untold []byte
	wake   chan struct{}
}

func newGossip(ctx context.Context, b *bus.Conn, index *seen.Index, log *slog.Logger) (*gossip, error) {
	unhear, err := b.OnBroadcast(func(payload []byte) { index.Learn(ids(payload)...) })
	if err != nil {
		return nil, fmt.Errorf("ingest: stored requests of other instances: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // until close
	g := &gossip{bus: b, log: log, unhear: unhear, stop: cancel, wake: make(chan struct{}, 1)}
	g.done.Go(func() { g.run(ctx) })
	return g, nil
}

// ids takes a broadcast apart. One that is no row of ids is not for us.
func ids(payload []byte) []wire.ID {
	if len(payload)%idLength != 0 {
		return nil
	}
	ids := make([]wire.ID, 0, len(payload)/idLength)
	for ; len(payload) > 0; payload = payload[idLength:] {
		ids = append(ids, wire.ToID(payload[:idLength]))
	}
	return ids
}

// tell lets the others know soon.
func (g *gossip) tell(id wire.ID) {
	g.mu.Lock()
	if len(g.untold) < maxUntold {
		g.untold = append(g.untold, id[:]...)
	}
	first := len(g.untold) == idLength
	g.mu.Unlock()
	if first {
		select {
		case g.wake <- struct{}{}:
		default: // run has left
		}
	}
}

func (g *gossip) run(ctx context.Context) {
	var spare []byte
	for {
		select {
		case <-g.wake:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(gather):
		case <-ctx.Done():
		}
		spare = g.send(spare)
	}
}

// send broadcasts what is untold and returns its memory for the next time but one.
func (g *gossip) send(spare []byte) []byte {
	g.mu.Lock()
	untold := g.untold
	g.untold = spare[:0]
	g.mu.Unlock()
	for rest := untold; len(rest) > 0; {
		n := min(len(rest), maxMessage)
		if err := g.bus.Broadcast(rest[:n]); err != nil {
			g.log.Debug("stored requests are not told to other instances", "error", err)
			break
		}
		rest = rest[n:]
	}
	return untold
}

func (g *gossip) close() {
	g.unhear()
	g.stop()
	g.done.Wait()
	g.send(nil)
}

// recall learns the requests that a stream still holds, so that a retry of one is
// recognised after a restart. It does what it can until ctx ends.
func recall(ctx context.Context, b *bus.Conn, stream string, index *seen.Index, log *slog.Logger) {
	var (
		message []byte
		block   drainlinev1.RawBlock
	)
	err := b.Stored(ctx, stream, time.Now().Add(-seen.Memory), func(payload []byte) {
		opened, err := wire.Open(message, payload)
		if err != nil || proto.Unmarshal(opened, &block) != nil {
			return // transform will tell
		}
		message = opened
		for _, r := range block.GetRequests() {
			index.Learn(wire.ToID(r.GetId()))
		}
	})
	if err != nil {
		log.Warn("requests from before the start may not be recognised", "stream", stream, "error", err)
	}
}
