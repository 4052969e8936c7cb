package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/telemetry"
)

// Verdict says whether books balance.
type Verdict string

// The verdicts there are.
const (
	// Proven: nothing waits, and every event that was accepted has come to one end at each
	// destination.
	Proven Verdict = "proven"
	// Repeated: nothing waits, and what is out of balance is no more than came from the bus
	// again and may have been counted twice.
	Repeated Verdict = "repeated"
	// Open: something waits, so that nobody can know.
	Open Verdict = "open"
	// Unbalanced: nothing waits, and events are missing, or are too many.
	Unbalanced Verdict = "unbalanced"
)

// looks is how often it is looked whether books balance of which nothing waits: while
// they are read, others are written.
const looks = 3

// Proof is whether the books balance.
type Proof struct {
	Verdict Verdict `json:"verdict"`
	// Waiting are the messages that wait in the streams, those in hand included.
	Waiting uint64 `json:"waiting_messages"`
	// Missing are events that came in and are in no end, TooMany such as ended that did not
	// come in, both over all inputs and destinations.
	Missing     int64 `json:"missing"`
	TooMany     int64 `json:"too_many"`
	Redelivered int64 `json:"redelivered"`
}

// Prove reads all books there are and says whether they balance; waiting counts the
// messages in the streams between the stages. It fails as Read does.
func Prove(ctx context.Context, conn *bus.Conn, waiting func(context.Context) (uint64, error)) (*Books, Proof, error) {
	for look := 1; ; look++ {
		n, err := waiting(ctx)
		if err != nil {
			return nil, Proof{}, err
		}
		// In this order: what is in no stream was booked before it went.
		books, err := Read(ctx, conn, time.Time{})
		if err != nil {
			return nil, Proof{}, err
		}
		p := books.prove(n)
		if p.Verdict != Unbalanced || look == looks {
			return books, p, nil
		}
	}
}

func (b *Books) prove(waiting uint64) Proof {
	p, within := Proof{Verdict: Proven, Waiting: waiting}, true
	for _, balance := range judged(b.Balances()) {
		p.Redelivered += balance.Redelivered.Events
		p.Missing += max(balance.Open, 0)
		p.TooMany += max(-balance.Open, 0)
		within = within && max(balance.Open, -balance.Open) <= balance.Redelivered.Events
	}
	switch {
	case waiting > 0:
		p.Verdict = Open
	case p.Missing == 0 && p.TooMany == 0:
	case within:
		p.Verdict = Repeated
	default:
		p.Verdict = Unbalanced
	}
	return p
}

// judged are balances of which each has to balance. Every stage of every instance names
// the maxInputs that it meets first: an input may be itself in one and telemetry.Other in
// the next. So with the others of a destination go all of its inputs that do not balance.
func judged(balances []Balance) []Balance {
	others := map[string]*Balance{}
	for i := range balances {
		if b := &balances[i]; b.Input == telemetry.Other {
			others[b.Destination] = b
		}
	}
	list := make([]Balance, 0, len(balances))
	for i := range balances {
		b := &balances[i]
		if o := others[b.Destination]; o != nil && b != o && b.Open != 0 {
			o.Plus(&b.Sums)
			continue
		}
		if b.Input != telemetry.Other {
			list = append(list, *b)
		}
	}
	for _, o := range others {
		o.Open = o.Difference()
		list = append(list, *o)
	}
	return list
}

// columnHour is of the time, in UTC, when Drainline worked on the events.
const columnHour = "hour"

// Columns are the words that By takes.
func Columns() []string {
	return []string{"app", "destination", "index", "sourcetype", "credential", "rule", columnHour}
}

// Group is the rows that have one name, or the hour, in common.
type Group struct {
	// Name is empty for what has none: an index is then the destination's or Splunk's own.
	Name string `json:"name"`
	Sums

	Last time.Time `json:"last,omitzero"`
}

func (g *Group) add(r *Row) {
	g.Plus(&r.Sums)
	g.Last = later(g.Last, r.Last)
}

// By adds up the rows by one of the Columns, in the order of the names; first, with none,
// what has no such name. What is true of several destinations is in each. By what only an
// event at its destination has, an index or a sourcetype, only its ends there are told:
// what comes before does not tell them apart.
func (b *Books) By(column string) []Group {
	if column == columnHour {
		return groups(b.hours)
	}
	at := map[string]*Group{}
	for i := range b.Rows {
		r := &b.Rows[i]
		if (r.Rule == "") == (column == "rule") {
			continue
		}
		sums, names := r.Sums, []string{r.name(column)}
		if column == "destination" {
			names = strings.Split(r.Destination, separator)
		}
		if names[0] == "" && (column == "index" || column == "sourcetype") {
			sums = Sums{Replayed: sums.Replayed, Dead: sums.Dead, Dropped: sums.Dropped, Delivered: sums.Delivered}
			if sums == (Sums{}) {
				continue
			}
		}
		for _, name := range names {
			if at[name] == nil {
				at[name] = &Group{Name: name}
			}
			at[name].add(&Row{Sums: sums, Last: r.Last})
		}
	}
	return groups(at)
}

// groups are in the order of their names.
func groups[K comparable](at map[K]*Group) []Group {
	list := make([]Group, 0, len(at))
	for _, g := range at {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(x, y Group) int { return cmp.Compare(x.Name, y.Name) })
	return list
}

func (k *Key) name(column string) string {
	switch column {
	case "app":
		return k.Input
	case "index":
		return k.Index
	case "sourcetype":
		return k.Sourcetype
	case "credential":
		return k.Credential
	default:
		return k.Rule
	}
}
