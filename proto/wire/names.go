package wire

import (
	"strconv"
	"time"
)

// Durable consumers. All instances of a service share one; add an instance and
// the work spreads.
const (
	TransformConsumer = "transform"
	ShipperConsumer   = "shipper"
	// ForwardConsumer is ingest's, on its spool.
	ForwardConsumer = "forward"
)

// SpoolStream is the one stream of a spool, the small JetStream beside ingest. It
// has no prefix: what it holds is forwarded also after that was changed.
const SpoolStream = "spool"

// Headers of bus messages. Names are case-sensitive on NATS, so trace context
// is written in the lower case that W3C gives it.
const (
	HeaderMsgID       = "Nats-Msg-Id"
	HeaderTraceparent = "traceparent"
	HeaderTracestate  = "tracestate"
)

// Stages, as they stand in dead letters.
const (
	StageIngest    = "ingest"
	StageTransform = "transform"
	StageShipper   = "shipper"
)

// InboxPrefix begins the subjects on which a user gets his answers, so that nobody else can hear them.
func InboxPrefix(user string) string { return "_INBOX_" + user }

// MicroService is the name of a service in NATS' discovery.
func MicroService(service string) string { return "drainline-" + service }

// Names makes the names of streams and subjects under one prefix, which lets
// several installations share a NATS account.
type Names struct{ Prefix string }

// Shard names the n-th unordered shard of the raw streams.
func Shard(n int) string { return "s" + strconv.Itoa(n) }

// OrderedShard names the n-th shard whose blocks one instance takes in their order, for
// drains with joined lines.
func OrderedShard(n int) string { return "o" + strconv.Itoa(n) }

// Subjects matches everything under the prefix.
func (n Names) Subjects() string { return n.Prefix + ".>" }

// RawStream is the stream between ingest and transform of one shard.
func (n Names) RawStream(shard string) string { return n.Prefix + "_raw_" + shard }

// RawSubject is where ingest publishes RawBlocks of one shard.
func (n Names) RawSubject(shard string) string { return n.Prefix + ".raw." + shard }

// RawSubjects matches the blocks of every shard.
func (n Names) RawSubjects() string { return n.Prefix + ".raw.>" }

// EventsStream is the stream between transform and the shipper of one destination.
func (n Names) EventsStream(destination string) string { return n.Prefix + "_events_" + destination }

// EventsSubject is where transform publishes EventBatches of one destination.
func (n Names) EventsSubject(destination string) string { return n.Prefix + ".events." + destination }

// EventsSubjects matches the batches for every destination.
func (n Names) EventsSubjects() string { return n.Prefix + ".events.>" }

// DeadStream keeps every stage's dead letters.
func (n Names) DeadStream() string { return n.Prefix + "_dead" }

// DeadSubject is where a stage publishes DeadBlocks of one reason code.
func (n Names) DeadSubject(stage, reason string) string {
	return n.Prefix + ".dead." + stage + "." + reason
}

// DeadSubjects matches every dead letter.
func (n Names) DeadSubjects() string { return n.Prefix + ".dead.>" }

// SuspectStream keeps what is known of messages that were delivered too often.
func (n Names) SuspectStream() string { return n.Prefix + "_suspects" }

// SuspectSubject is where a stage notes what it does with one such message.
func (n Names) SuspectSubject(stage string, id ID) string {
	return n.Prefix + ".suspects." + stage + "." + id.String()
}

// SuspectSubjectsOf matches the notes of one stage.
func (n Names) SuspectSubjectsOf(stage string) string { return n.Prefix + ".suspects." + stage + ".*" }

// SuspectSubjects matches every note.
func (n Names) SuspectSubjects() string { return n.Prefix + ".suspects.>" }

// SeenSubject is where instances of ingest tell each other, over core NATS,
// which requests they have stored.
func (n Names) SeenSubject() string { return n.Prefix + ".seen" }

// AckStream carries, for a while, what is told about HEC's acknowledgement.
func (n Names) AckStream() string { return n.Prefix + "_acks" }

// AckSubject is where a stage tells it.
func (n Names) AckSubject(stage string) string { return n.Prefix + ".acks." + stage }

// AckSubjects matches what every stage tells.
func (n Names) AckSubjects() string { return n.Prefix + ".acks.>" }

// AckIDStream counts the ackIds of each channel.
func (n Names) AckIDStream() string { return n.Prefix + "_ackids" }

// AckIDSubject is the counter of one channel.
func (n Names) AckIDSubject(channel ID) string { return n.Prefix + ".ackids." + channel.String() }

// AckIDSubjects matches every counter.
func (n Names) AckIDSubjects() string { return n.Prefix + ".ackids.>" }

// LedgerStream keeps the books, a message for each hour, stage and instance.
func (n Names) LedgerStream() string { return n.Prefix + "_ledger" }

// LedgerSubject is where an instance of a stage keeps its books of one hour, of which
// there are several where they have more rows than a message has room for.
func (n Names) LedgerSubject(hour time.Time, stage, instance string, part int) string {
	return n.Prefix + ".ledger." + hour.UTC().Format("2006010215") + "." + stage + "." + instance + "." + strconv.Itoa(part)
}

// LedgerSubjectsOf matches the books of all instances of one stage.
func (n Names) LedgerSubjectsOf(stage string) string {
	return n.Prefix + ".ledger.*." + stage + ".*.*"
}

// LedgerSubjects matches all books.
func (n Names) LedgerSubjects() string { return n.Prefix + ".ledger.>" }

// AuditStream keeps what operators did.
func (n Names) AuditStream() string { return n.Prefix + "_audit" }

// AuditSubject is where it is told.
func (n Names) AuditSubject() string { return n.Prefix + ".audit" }

// StatusSubject is where every instance of every service answers how it is.
func (n Names) StatusSubject() string { return n.Prefix + ".status" }
