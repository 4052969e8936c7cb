package ledger

import (
	"cmp"
	"strings"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

// Key is what the events of a row have in common. A name that the stage does not tell
// apart is empty.
type Key struct {
	// Input is whose events they are, see Input.
	Input string `json:"input,omitempty"`
	// Credential is the name of the credential or HEC token that let them in.
	Credential string `json:"credential,omitempty"`
	// Destination is where they went or did not go: one name, or several with commas
	// between, when the row is true of each of them (see Each). It is empty for what
	// comes before any destination.
	Destination string `json:"destination,omitempty"`
	Index       string `json:"index,omitempty"`
	Sourcetype  string `json:"sourcetype,omitempty"`
	// Rule is the name of the rule that a row is about, which has no other names.
	Rule string `json:"rule,omitempty"`
}

// Input is the name of whose events they are: the app's, or else the drain token, or else
// the credential's.
func Input(app, drainToken, credential string) string { return cmp.Or(app, drainToken, credential) }

// separator stands between the destinations of a row. No name has it.
const separator = ","

// Each is the value of Key.Destination for what is true of each of these destinations.
func Each(destinations []string) string { return strings.Join(destinations, separator) }

// Amount is how many events, of how many bytes of license: the length of what Splunk
// keeps as _raw or, where it never came to that, of the body.
type Amount struct {
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
}

// Add adds events, with the bytes that they have together.
func (a *Amount) Add(events, bytes int) {
	a.Events += int64(events)
	a.Bytes += int64(bytes)
}

func (a *Amount) plus(b Amount) {
	a.Events += b.Events
	a.Bytes += b.Bytes
}

// Sums are what became of events. For each input and destination
// accepted + replayed + split = merged + filtered + dead + dropped + delivered + what waits.
type Sums struct {
	// Accepted are frames, envelopes and lines that transform took from blocks.
	Accepted Amount `json:"accepted,omitzero"`
	// Replayed are dead letters of the shipper that an operator sent again: they come in a
	// second time.
	Replayed Amount `json:"replayed,omitzero"`
	// Duplicate are those that ingest recognised as sent before; they are not accepted.
	Duplicate Amount `json:"duplicate,omitzero"`
	// Merged are lines that became part of an event that another line began.
	Merged Amount `json:"merged,omitzero"`
	// Split are events made in addition: elements of an array, metrics beside their line.
	Split Amount `json:"split,omitzero"`
	// Filtered are those that a rule, a route or a drain's time kept from the destination.
	Filtered Amount `json:"filtered,omitzero"`
	// Dead are those that are dead letters.
	Dead Amount `json:"dead,omitzero"`
	// Dropped are those that had to go because a stream was full (when_full).
	Dropped Amount `json:"dropped,omitzero"`
	// Delivered are those that Splunk has taken, and acknowledged where it does.
	Delivered Amount `json:"delivered,omitzero"`
	// Redelivered says how many of all these came from the bus more than once, and may
	// have been counted before: after a crash the books may be so much out of balance.
	Redelivered Amount `json:"redelivered,omitzero"`
	// LostUpstream are what Logplex or log-shuttle say they lost; they were never accepted.
	LostUpstream Amount `json:"lost_upstream,omitzero"`
	// Matched are, in a row about a rule, the events that it was applied to.
	Matched Amount `json:"matched,omitzero"`
}

// Of is the amount of a booking, nil for one that this version does not know.
func (s *Sums) Of(b drainlinev1.Booking) *Amount {
	switch b {
	case drainlinev1.Booking_BOOKING_ACCEPTED:
		return &s.Accepted
	case drainlinev1.Booking_BOOKING_DUPLICATE:
		return &s.Duplicate
	case drainlinev1.Booking_BOOKING_MERGED:
		return &s.Merged
	case drainlinev1.Booking_BOOKING_SPLIT:
		return &s.Split
	case drainlinev1.Booking_BOOKING_FILTERED:
		return &s.Filtered
	case drainlinev1.Booking_BOOKING_DEAD:
		return &s.Dead
	case drainlinev1.Booking_BOOKING_DROPPED:
		return &s.Dropped
	case drainlinev1.Booking_BOOKING_DELIVERED:
		return &s.Delivered
	case drainlinev1.Booking_BOOKING_REDELIVERED:
		return &s.Redelivered
	case drainlinev1.Booking_BOOKING_LOST_UPSTREAM:
		return &s.LostUpstream
	case drainlinev1.Booking_BOOKING_MATCHED:
		return &s.Matched
	case drainlinev1.Booking_BOOKING_REPLAYED:
		return &s.Replayed
	case drainlinev1.Booking_BOOKING_UNSPECIFIED:
	}
	return nil
}

// bookings are all that there are, in their order.
const (
	firstBooking = drainlinev1.Booking_BOOKING_ACCEPTED
	lastBooking  = drainlinev1.Booking_BOOKING_REPLAYED
)

// Plus adds other sums.
func (s *Sums) Plus(other *Sums) {
	for b := firstBooking; b <= lastBooking; b++ {
		s.Of(b).plus(*other.Of(b))
	}
}

// Difference is how many events came in and have not come to an end: those that wait
// and, if the books do not balance, those that are missing. It is negative when more
// ended than came.
func (s *Sums) Difference() int64 {
	return s.Accepted.Events + s.Replayed.Events + s.Split.Events -
		s.Merged.Events - s.Filtered.Events - s.Dead.Events - s.Dropped.Events - s.Delivered.Events
}

// Row is one row of the books.
type Row struct {
	Key
	Sums

	// Last is when the latest of the events was received.
	Last time.Time `json:"last,omitzero"`
}

// add adds what another row has.
func (r *Row) add(other *Row) {
	r.Plus(&other.Sums)
	r.Seen(other.Last)
}

// Seen notes that an event of the row was received at a time.
func (r *Row) Seen(at time.Time) {
	if at.After(r.Last) {
		r.Last = at
	}
}

// Merge adds up rows that have the same names.
func Merge(parts ...[]Row) []Row {
	var list []Row
	at := map[Key]int{}
	for _, rows := range parts {
		for i := range rows {
			n, known := at[rows[i].Key]
			if !known {
				n = len(list)
				at[rows[i].Key] = n
				list = append(list, Row{Key: rows[i].Key})
			}
			list[n].add(&rows[i])
		}
	}
	return list
}
