// Package ack answers HEC's indexer acknowledgement: whether the events of a
// request have been delivered, or filtered, or kept as dead letters. It knows so
// from what transform, the shipper and other instances of ingest tell on the bus,
// and can be made again from that at any time. Whatever it does not know, has
// forgotten or never heard is false: the client sends again, and nothing is lost.
package ack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/telemetry"
)

var (
	// ErrFull says that there are as many channels, or requests whose
	// acknowledgement nobody has asked for, as the configuration allows.
	ErrFull = errors.New("ack: too many channels or requests wait to be asked for")
	// ErrUnready says that what is on the bus has not been read yet.
	ErrUnready = errors.New("ack: what was acknowledged is not known yet")
)

// Options are what an Index works with. All are needed.
type Options struct {
	Bus *bus.Conn
	// Config bounds the index as limits.conf's [http_input] and inputs.conf's
	// maxIdleTime bound Splunk's.
	Config  config.Acks
	Metrics *telemetry.Metrics
	Log     *slog.Logger
}

// Index gives ackIds and answers what became of them. It is for concurrent use.
//
// A channel is forgotten when it is idle: for so long nobody has sent on it or asked
// here or been answered elsewhere, and nothing was settled. While events are on their
// way there it is not, for up to bus.AckAge: its client may be talking to another
// instance, and come to this one after an outage of Splunk's.
//
// Ids are counted on the bus, and begin at 0 again when it loses a channel's counter:
// which of two requests an id means, says when it was given.
//
// A request takes 170 bytes or less while its events are on their way, and 64 when
// they are settled; each channel takes about 150 beside.
type Index struct {
	bus      *bus.Conn
	log      *slog.Logger
	counts   counts
	start    time.Time
	untold   bus.Alarm
	restarts bus.Alarm

	ready chan struct{} // closed when the bus has been read
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu       sync.Mutex
	bounds   config.Acks
	channels channels
	heard    time.Duration      // when the last note was told, in time since start
	pending  int                // statuses in all channels
	batches  map[wire.ID]*batch // that statuses wait for
	settled  settled
}

// counts are exported as drainline_ingest_ack_*.
type counts struct {
	issued, confirmed, forgotten, refused, untold *telemetry.Counter
}

func newCounts(m *telemetry.Metrics) counts {
	count := func(name string) *telemetry.Counter { return m.Counter("drainline_ingest_ack_" + name) }
	return counts{
		issued: count("issued"), confirmed: count("confirmed"), forgotten: count("forgotten"),
		refused: count("refused"), untold: count("untold"),
	}
}

// New makes an Index and begins to read what is on the bus. Close it. There can be one on a set of metrics.
func New(o Options) *Index {
	x := newIndex(o)
	following, stop := context.WithCancel(context.Background())
	x.stop = stop
	x.done.Go(func() { x.follow(following) })
	return x
}

// newIndex makes an Index that hears nothing yet.
func newIndex(o Options) *Index {
	x := &Index{
		bus: o.Bus, log: o.Log, counts: newCounts(o.Metrics), start: time.Now(), ready: make(chan struct{}),
		heard: -bus.AckAge, bounds: o.Config, channels: newChannels(), batches: map[wire.ID]*batch{},
	}
	o.Metrics.Gauge("drainline_ingest_ack_channels", func() float64 {
		channels, _ := x.size()
		return float64(channels)
	})
	o.Metrics.Gauge("drainline_ingest_ack_pending", func() float64 {
		_, pending := x.size()
		return float64(pending)
	})
	return x
}

// size is how much the index holds.
func (x *Index) size() (channels, pending int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sweep(x.now())
	return x.channels.len(), x.pending
}

func (x *Index) follow(ctx context.Context) {
	stop, err := x.bus.FollowAcks(ctx, x.Hear, x.lose)
	if err != nil {
		return // closed meanwhile
	}
	close(x.ready)
	<-ctx.Done()
	stop()
}

func (x *Index) isReady() bool {
	select {
	case <-x.ready:
		return true
	default:
		return false
	}
}

// Close stops listening to the bus, which has to be open still. Nothing is lost:
// what the index knows is there.
func (x *Index) Close() {
	x.stop()
	x.done.Wait()
}

// Issue gives the next request on a token's channel its ackId, unique there as long
// as the bus keeps count. It fails with ErrFull at capacity, and as
// bus.Conn.NextAckID does. Withdraw what comes to nothing.
func (x *Index) Issue(ctx context.Context, token, channel string) (*drainlinev1.Ack, error) {
	id := wire.ChannelID(token, channel)
	if err := x.admit(id); err != nil {
		x.counts.refused.Add(1)
		return nil, err
	}
	ackID, err := x.bus.NextAckID(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("ackId: %w", err)
	}
	x.counts.issued.Add(1)
	a, again := x.give(id, ackID)
	if again {
		x.tellAgain(ctx, a)
	}
	return a, nil
}

// give takes in that a request was given an id just now. It reports whether another
// had it before: then its counter was lost.
func (x *Index) give(id wire.ID, ackID uint64) (a *drainlinev1.Ack, again bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.touch(id, x.now())
	before, again := c.issued(ackID)
	// Clocks differ; the counter is right.
	issued := max(time.Now().UnixNano(), before+1, c.ended+1)
	a = &drainlinev1.Ack{Channel: id[:], Id: ackID, IssuedNs: issued}
	x.request(c, a, time.Since(x.start))
	return a, again
}

// tellAgain tells other instances at once that an id was given again: they may be
// asked about it before its request is routed, and know an old answer.
func (x *Index) tellAgain(ctx context.Context, a *drainlinev1.Ack) {
	if x.restarts.Due() {
		x.log.Warn("the bus has lost the count of ackIds of a channel, it begins again", "channel", wire.ToID(a.GetChannel()), "ackId", a.GetId())
	}
	if err := x.bus.TellRouted(ctx, []*drainlinev1.Routed{{Ack: a}}); err != nil {
		x.log.Debug("other instances are not told that an ackId was given again", "error", err)
	}
}

// Withdraw says that a request was not stored after it was given its ackId.
func (x *Index) Withdraw(a *drainlinev1.Ack) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.channels.find(wire.ToID(a.GetChannel()))
	if c == nil {
		return
	}
	if s := c.find(a.GetId()); s != nil && s.issued == a.GetIssuedNs() {
		x.drop(c, s)
	}
}

// lose forgets what was told, because the bus has lost it, and maybe its counters: an
// id may be given again. What was given here and not told of since stays.
func (x *Index) lose() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.batches = map[wire.ID]*batch{}
	for _, c := range x.channels.byID {
		forgotten := c.forgetTold()
		x.pending -= forgotten
		x.counts.forgotten.Add(forgotten)
	}
}

func (x *Index) admit(id wire.ID) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	x.sweep(now)
	c := x.find(id, now)
	if x.pending >= x.bounds.Pending || c != nil && c.len() >= x.bounds.PendingPerChannel ||
		c == nil && x.channels.len() >= x.bounds.Channels {
		return ErrFull
	}
	x.touch(id, now)
	return nil
}

// Query answers for every id whether all events of its request are delivered,
// filtered or dead letters. True is told once: a client's next question about the
// id, to whichever instance, is answered false, unless two ask at the same
// moment. It fails with ErrUnready until what is on the bus has been read.
func (x *Index) Query(ctx context.Context, token, channel string, ids []uint64) (map[uint64]bool, error) {
	if !x.isReady() {
		return nil, ErrUnready
	}
	answer, reported := x.take(wire.ChannelID(token, channel), ids)
	if len(reported) == 0 {
		return answer, nil
	}
	x.counts.confirmed.Add(len(reported))
	if err := x.bus.TellReported(ctx, reported); err != nil {
		// It is true nevertheless, and to be told again does no harm.
		x.counts.untold.Add(bus.Untold(err, len(reported)))
		if x.untold.Due() {
			x.log.Warn("other instances are not told which requests were acknowledged", "error", err)
		}
	}
	return answer, nil
}

// take answers, and forgets what it answers true for.
func (x *Index) take(id wire.ID, ids []uint64) (answer map[uint64]bool, reported []*drainlinev1.Ack) {
	answer = make(map[uint64]bool, len(ids))
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	x.sweep(now)
	c := x.find(id, now)
	if c != nil {
		x.use(c, now)
	}
	for _, ackID := range ids {
		if answer[ackID] {
			continue // asked twice in one question
		}
		answer[ackID] = false
		if c == nil {
			continue
		}
		if s := c.find(ackID); s != nil && s.complete() {
			answer[ackID] = true
			reported = append(reported, &drainlinev1.Ack{Channel: id[:], Id: ackID, IssuedNs: s.issued})
			x.drop(c, s)
		}
	}
	return answer, reported
}
