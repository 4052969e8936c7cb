// Package topology is the streams and consumers Drainline needs: it works them
// out from the configuration, creates and updates them, and tells what differs.
package topology

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// Shares of an embedded server's capacity, in percent. The rest is room for what
// JetStream writes beside messages.
const (
	eventsShare = 60
	rawShare    = 20
	deadShare   = 5
	ackShare    = 1
	ledgerShare = 1
	ackIDsMost  = 5 // fewer when there are fewer channels
)

// Bounds of streams on a NATS server of its own, where the configuration names
// none: of the raw streams together, and of each of the others.
const (
	externalRaw    = 4 << 30
	externalEvents = 16 << 30
	externalDead   = 1 << 30
)

// maxAcks bounds what is told of HEC's acknowledgement, in bytes: of some 500,000
// requests.
const maxAcks = 128 << 20

// Bounds of what is kept about the events and the operators, in bytes: of a few years of
// small books, and of some 100,000 commands.
const (
	maxLedger = 256 << 20
	maxAudit  = 16 << 20
	auditAge  = 90 * 24 * time.Hour
)

// counterBytes is what the counter of one channel takes in a file of JetStream's,
// beside the prefix, with up to 18 digits.
const counterBytes = 130

// Notes on suspects are a line each and soon without meaning.
const (
	suspectsBytes = 1 << 20
	suspectsAge   = 24 * time.Hour
)

// optionalPatience is how long there is to look for an optional stream and to create it:
// what a user may not ask, the server does not answer.
const optionalPatience = 2 * time.Second

// asAdmin is what helps who may not make or change streams.
const asAdmin = "run `drainline streams apply` as an admin"

// codeDiskReserved is JetStream's refusal to reserve more than its storage limit.
const codeDiskReserved = 10047

// How often, and how long apart, a stream is looked for that the server has no room
// to make once more: half a second in all.
const (
	looks     = 10
	lookPause = 50 * time.Millisecond
)

// Stream is one stream and its one durable consumer, if it is consumed.
type Stream struct {
	Config   jetstream.StreamConfig
	Consumer *jetstream.ConsumerConfig
	// Destination that its events are for; empty for all other streams.
	Destination string
	// Optional means that events flow without it. One that is missing and cannot be made is
	// a difference to Ensure, and no error.
	Optional bool
}

// Plan is everything that has to exist on the bus.
type Plan struct{ Streams []Stream }

// New plans for a configuration. Capacity is what an embedded server may store,
// in bytes; zero means that the server is not ours.
func New(c *config.Config, capacity int64) Plan {
	names := wire.Names{Prefix: c.Bus.Prefix}
	share := func(set config.Bytes, percent, parts, external int64) int64 {
		switch {
		case set > 0:
			return int64(set)
		case capacity > 0:
			return capacity * percent / 100 / parts
		default:
			return external
		}
	}
	p := Plan{Streams: shards(c, share(c.Bus.Raw.MaxBytes, rawShare, 1, externalRaw))}
	for _, name := range Destinations(c) {
		s := stream(names.EventsStream(name), names.EventsSubject(name), c.Bus.Replicas,
			share(c.Destinations[name].MaxBytes, eventsShare, int64(len(c.Destinations)), externalEvents))
		s.Duplicates = wire.EventsDedupWindow
		p.Streams = append(p.Streams, Stream{Config: s, Consumer: consumer(wire.ShipperConsumer), Destination: name})
	}
	dead := stream(names.DeadStream(), names.DeadSubjects(), c.Bus.Replicas, share(c.Bus.Dead.MaxBytes, deadShare, 1, externalDead))
	dead.Retention = jetstream.LimitsPolicy
	dead.MaxAge = c.Bus.Dead.MaxAge
	dead.Duplicates = min(wire.EventsDedupWindow, c.Bus.Dead.MaxAge)
	p.Streams = append(p.Streams, Stream{Config: dead}, Stream{Config: suspects(names, c.Bus.Replicas)})
	room := max(min(share(0, ledgerShare, 1, maxLedger), maxLedger), wire.ServerPayload)
	p.Streams = append(p.Streams,
		Stream{Config: ledger(names, c, room), Optional: true},
		Stream{Config: audit(names, c.Bus.Replicas, min(room, maxAudit)), Optional: true})
	if Acknowledges(c) {
		room := max(min(share(0, ackShare, 1, maxAcks), maxAcks), wire.ServerPayload)
		p.Streams = append(p.Streams, Stream{Config: acks(names, c.Bus.Replicas, room)}, Stream{Config: ackIDs(names, c.Bus.Replicas, ackIDRoom(c, capacity))})
	}
	return p
}

// idleOrdered is what the ordered shards have of the room of the others while no drain
// joins lines: a tenth of it. A server reserves the size of a stream.
const idleOrdered = 10

// shards are the streams between ingest and transform. The unordered have the room
// together, but each at least room for a message.
//
// The ordered ones have no part of that, so that drains without joined lines lose none:
// together they are as large where a drain joins lines. They are there also where none
// does: the first may come with a reload, and what the last has left has to be taken.
// With them, streams that are all full at once hold up to 11 % more than an embedded
// server's capacity. The capacity is 70 % of the free disk at most, and the disk is watched.
func shards(c *config.Config, room int64) []Stream {
	unordered, ordered := Shards(c), OrderedShards(c)
	streams := make([]Stream, 0, unordered+ordered)
	each := max(room/int64(unordered), wire.ServerPayload)
	for n := range unordered {
		streams = append(streams, Stream{Config: raw(c, wire.Shard(n), each), Consumer: consumer(wire.TransformConsumer)})
	}
	if !slices.ContainsFunc(c.Drains, func(d config.Drain) bool { return len(d.Join) > 0 }) {
		room /= idleOrdered
	}
	each = max(room/int64(ordered), wire.ServerPayload)
	for n := range ordered {
		streams = append(streams, Stream{Config: raw(c, wire.OrderedShard(n), each), Consumer: pinned(wire.TransformConsumer)})
	}
	return streams
}

// Shards is how many unordered shards there are: one at least.
func Shards(c *config.Config) int { return max(c.Bus.Raw.Shards, 1) }

// OrderedShards is how many shards there are for drains with joined lines, beside the
// others: one at least.
func OrderedShards(c *config.Config) int { return max(c.Bus.Raw.OrderedShards, 1) }

// raw is the stream of one shard.
func raw(c *config.Config, shard string, room int64) jetstream.StreamConfig {
	names := wire.Names{Prefix: c.Bus.Prefix}
	s := stream(names.RawStream(shard), names.RawSubject(shard), c.Bus.Replicas, room)
	s.Duplicates = wire.RawDedupWindow
	return s
}

// ackIDRoom is room for the counters of all channels that there may be: one that is
// lost counts from 0 again. A small embedded server has other things to hold.
func ackIDRoom(c *config.Config, capacity int64) int64 {
	room := int64(c.Ingest.HEC.Acks.Channels) * int64(counterBytes+len(c.Bus.Prefix))
	if capacity > 0 {
		room = min(room, capacity*ackIDsMost/100)
	}
	return max(room, wire.ServerPayload)
}

// Acknowledges reports whether a HEC token promises indexer acknowledgement,
// which has streams of its own.
func Acknowledges(c *config.Config) bool {
	for _, token := range c.Ingest.HEC.Tokens {
		if token.Ack {
			return true
		}
	}
	return false
}

// Destinations are the names of the configured destinations, in order.
func Destinations(c *config.Config) []string {
	return slices.Sorted(maps.Keys(c.Destinations))
}

// Streams refuse new messages when they are full: JetStream's own way of
// dropping old ones would be silent.
func stream(name, subject string, replicas int, maxBytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Subjects: []string{subject}, Retention: jetstream.WorkQueuePolicy,
		Discard: jetstream.DiscardNew, MaxBytes: maxBytes, MaxMsgs: -1, Replicas: replicas, Storage: jetstream.FileStorage,
		// A larger message fits no fetch and would stop the stream.
		MaxMsgSize: wire.ServerPayload,
	}
}

// suspects forgets by itself: of each message only the last note counts, and none
// for long.
func suspects(names wire.Names, replicas int) jetstream.StreamConfig {
	s := stream(names.SuspectStream(), names.SuspectSubjects(), replicas, suspectsBytes)
	s.Retention, s.Discard = jetstream.LimitsPolicy, jetstream.DiscardOld
	s.MaxMsgsPerSubject, s.MaxAge, s.Duplicates = 1, suspectsAge, wire.RawDedupWindow
	return s
}

// ledger keeps the last books that an instance wrote for an hour.
func ledger(names wire.Names, c *config.Config, room int64) jetstream.StreamConfig {
	s := stream(names.LedgerStream(), names.LedgerSubjects(), c.Bus.Replicas, room)
	s.Retention, s.Discard = jetstream.LimitsPolicy, jetstream.DiscardOld
	s.MaxMsgsPerSubject, s.MaxAge, s.Duplicates = 1, c.Telemetry.Ledger.Keep, wire.RawDedupWindow
	return s
}

func audit(names wire.Names, replicas int, room int64) jetstream.StreamConfig {
	s := stream(names.AuditStream(), names.AuditSubject(), replicas, room)
	s.Retention, s.Discard = jetstream.LimitsPolicy, jetstream.DiscardOld
	s.MaxAge, s.Duplicates = auditAge, wire.RawDedupWindow
	return s
}

// acks forgets by itself, too: whoever was not told that a request is indexed
// sends it again.
func acks(names wire.Names, replicas int, room int64) jetstream.StreamConfig {
	s := stream(names.AckStream(), names.AckSubjects(), replicas, room)
	s.Retention, s.Discard = jetstream.LimitsPolicy, jetstream.DiscardOld
	s.MaxAge, s.Duplicates = bus.AckAge, wire.RawDedupWindow
	return s
}

// ackIDs is a counter a subject, of which JetStream wants that it discards what is
// old: the channel that was silent for longest counts from 0 again. Whoever answers
// tells its requests from those of before by when their ids were issued.
func ackIDs(names wire.Names, replicas int, room int64) jetstream.StreamConfig {
	s := stream(names.AckIDStream(), names.AckIDSubjects(), replicas, room)
	s.Retention, s.Discard, s.AllowMsgCounter = jetstream.LimitsPolicy, jetstream.DiscardOld, true
	s.MaxMsgsPerSubject, s.MaxAge, s.Duplicates = 1, bus.AckIDAge, wire.RawDedupWindow
	return s
}

func consumer(name string) *jetstream.ConsumerConfig {
	return &jetstream.ConsumerConfig{
		Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: bus.AckWait,
		MaxAckPending: bus.MaxAckPending, MaxDeliver: -1,
	}
}

// pinned is a consumer that one instance has at a time, which keeps the order.
func pinned(name string) *jetstream.ConsumerConfig {
	k := consumer(name)
	k.MaxAckPending = bus.MaxOrderedPending
	k.PriorityPolicy, k.PriorityGroups, k.PinnedTTL = jetstream.PriorityPolicyPinned, []string{bus.PinnedGroup}, bus.PinnedTTL
	return k
}

// Apply creates what is missing and updates what differs, in nothing but what is planned:
// where a stream is placed, and what else an operator has set, stays. It deletes nothing.
func (p Plan) Apply(ctx context.Context, c *bus.Conn) error {
	_, err := p.visit(ctx, c, settle)
	return err
}

// Ensure creates what is missing and leaves the rest as it is. It returns one
// sentence for everything that differs from the plan, and for each optional stream that is
// missing all the same, for which it waits two seconds at most.
func (p Plan) Ensure(ctx context.Context, c *bus.Conn) (differences []string, err error) {
	found, err := p.visit(ctx, c, create)
	for _, d := range found {
		differences = append(differences, d.String())
	}
	return differences, err
}

// Compare says what is missing and what differs from the plan, and changes nothing.
func (p Plan) Compare(ctx context.Context, c *bus.Conn) ([]Difference, error) {
	return p.visit(ctx, c, look)
}

// deed is what is done about what is not as planned.
type deed int

const (
	look   deed = iota
	create      // what is missing
	settle      // what differs, too
)

// visit goes through the plan and returns what is left as it should not be.
func (p Plan) visit(ctx context.Context, c *bus.Conn, do deed) (left []Difference, err error) {
	for _, want := range p.Streams {
		d, err := want.visitFor(ctx, c, do)
		left = append(left, d...)
		if err != nil {
			return left, err
		}
	}
	return left, nil
}

// visitFor visits a stream for as long as may be: others wait for no optional one.
func (want Stream) visitFor(ctx context.Context, c *bus.Conn, do deed) ([]Difference, error) {
	if !want.Optional || do != create {
		return want.visit(ctx, c, do)
	}
	short, cancel := context.WithTimeout(ctx, optionalPatience)
	defer cancel()
	left, err := want.visit(short, c, do)
	if err == nil || ctx.Err() != nil { // which the caller has ended
		return left, err
	}
	return []Difference{{Stream: want.Config.Name, Missing: true, Reason: err.Error()}}, nil
}

func (want Stream) visit(ctx context.Context, c *bus.Conn, do deed) (left []Difference, err error) {
	js := c.JetStream()
	var s jetstream.Stream
	err = c.Administer(ctx, apiStream+want.Config.Name, func(ctx context.Context) error {
		s, err = js.Stream(ctx, want.Config.Name)
		return err //nolint:wrapcheck // by streamError
	})
	if errors.Is(err, bus.ErrDenied) {
		return nil, fmt.Errorf("stream %s may not be looked at by this user of NATS: "+
			"give the server what `drainline streams permissions` prints for this configuration", want.Config.Name)
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if do == look {
			return []Difference{{Stream: want.Config.Name, Missing: true}}, nil
		}
		err = c.Administer(ctx, apiCreate+want.Config.Name, func(ctx context.Context) error {
			s, err = createStream(ctx, js, want.Config)
			return err
		})
		if errors.Is(err, bus.ErrDenied) {
			return nil, fmt.Errorf("stream %s is missing and may not be created by this user of NATS: %s", want.Config.Name, asAdmin)
		}
	}
	if err != nil {
		return nil, streamError(want, err)
	}
	have := s.CachedInfo().Config
	left = compareStream(want.Config, have)
	if do == settle && left != nil {
		err = c.Administer(ctx, apiUpdate+want.Config.Name, func(ctx context.Context) error {
			s, err = js.UpdateStream(ctx, adopt(have, want.Config))
			return err //nolint:wrapcheck // by streamError
		})
		if err != nil {
			return nil, streamError(want, err)
		}
		left = nil
	}
	if want.Consumer == nil {
		return left, nil
	}
	var more []Difference
	err = c.Administer(ctx, apiConsumerCreate+want.Config.Name+"."+want.Consumer.Durable, func(ctx context.Context) error {
		more, err = want.visitConsumer(ctx, s, do)
		return err
	})
	if errors.Is(err, bus.ErrDenied) {
		return left, fmt.Errorf("stream %s: consumer %s may not be created or changed by this user of NATS: %s",
			want.Config.Name, want.Consumer.Durable, asAdmin)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return left, fmt.Errorf("stream %s: consumer %s is missing and may not be created, or the bus does not answer: %s: %w",
			want.Config.Name, want.Consumer.Durable, asAdmin, err)
	}
	if err != nil {
		return left, fmt.Errorf("stream %s: consumer %s: %w", want.Config.Name, want.Consumer.Durable, err)
	}
	return append(left, more...), nil
}

func (want Stream) visitConsumer(ctx context.Context, s jetstream.Stream, do deed) (left []Difference, err error) {
	k, err := s.Consumer(ctx, want.Consumer.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		if do == look {
			return []Difference{{Stream: want.Config.Name, Consumer: want.Consumer.Durable, Missing: true}}, nil
		}
		k, err = s.CreateConsumer(ctx, *want.Consumer)
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says of which stream
	}
	have := k.CachedInfo().Config
	left = compareConsumer(want.Config.Name, *want.Consumer, have)
	if do == settle && left != nil {
		_, err = s.UpdateConsumer(ctx, adoptConsumer(have, *want.Consumer))
		return nil, err //nolint:wrapcheck // the caller says of which stream
	}
	return left, nil
}

// createStream makes a stream, or finds the one that another service has made at the same
// time: the server counts the room for both and refuses the second. It counts it a
// moment before it shows the first, so that it may take several looks to find that.
func createStream(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := js.CreateStream(ctx, c)
	if !isReserved(err) {
		return s, err //nolint:wrapcheck // the caller says of which stream
	}
	for range looks {
		if s, found := js.Stream(ctx, c.Name); found == nil {
			return s, nil
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return nil, err //nolint:wrapcheck // the caller says of which stream
		}
	}
	return nil, err //nolint:wrapcheck // the caller says of which stream
}

func isReserved(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == codeDiskReserved
}

func streamError(s Stream, err error) error {
	if isReserved(err) {
		return fmt.Errorf("stream %s: the server has no room for %d bytes: lower its max_bytes or raise the server's storage limit: %w",
			s.Config.Name, s.Config.MaxBytes, err)
	}
	if errors.Is(err, bus.ErrDenied) {
		return fmt.Errorf("stream %s may not be changed by this user of NATS: %s", s.Config.Name, asAdmin)
	}
	if errors.Is(err, context.DeadlineExceeded) { // so the server answers who may not ask
		return fmt.Errorf("stream %s is missing and may not be created, or the key of NATS is another user's, or the bus does not answer: %s: %w", s.Config.Name, asAdmin, err)
	}
	return fmt.Errorf("stream %s: %w", s.Config.Name, err)
}
