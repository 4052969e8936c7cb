package view

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/cmd/drainline/internal/outcome"
	"github.com/drainline/drainline/services/internal/bus"
)

// Search says which dead letters are meant; the zero value, all. A letter is meant where
// all that is set holds.
type Search struct {
	IDs                        []string
	Stage, Reason, Destination string
	// App is of a letter when any event in it is the app's.
	App string
	// Since is when the first letter died, Until when the last did; zero for any time.
	Since, Until time.Time
	// Last is the number in the stream of the last letter that is meant, 0 for any.
	Last uint64
}

// Found is a dead letter with where it is.
type Found struct {
	Kept *bus.Kept
	Dead *drainlinev1.DeadBlock
}

// Check says what no letter can be.
func (s *Search) Check() error {
	for _, id := range s.IDs {
		if b, err := hex.DecodeString(id); err != nil || len(b) != len(wire.ID{}) {
			return fmt.Errorf("%s is no letter's id, which has 32 digits and letters", id)
		}
	}
	for flag, word := range map[string]string{"stage": s.Stage, "reason": s.Reason} {
		if slices.ContainsFunc([]rune(word), func(r rune) bool { return r <= ' ' || r == '.' || r == '*' || r == '>' || r > '~' }) {
			return fmt.Errorf("--%s %q: `drainline dead list` shows what there is", flag, word)
		}
	}
	return nil
}

// Find calls f with the letters that are meant, oldest first, until f returns an error.
// Letters that cannot be read are passed over, and told once all others have been.
func (r *Reader) Find(ctx context.Context, c *bus.Conn, s *Search, f func(*Found) error) error {
	anyOr := func(word string) string {
		if word == "" {
			return "*"
		}
		return word
	}
	o := bus.ReadOptions{
		Stream: c.Names().DeadStream(), Since: s.Since, Subjects: []string{c.Names().DeadSubject(anyOr(s.Stage), anyOr(s.Reason))},
	}
	unreadable := 0
	err := c.Read(ctx, o, func(k *bus.Kept) error {
		if s.Last > 0 && k.Sequence > s.Last || !s.Until.IsZero() && k.Stored.After(s.Until) {
			return errPast
		}
		d, err := OpenLetter(k.Payload)
		if err != nil {
			unreadable++
			return nil //nolint:nilerr // told at the end
		}
		if !r.means(s, d) {
			return nil
		}
		return f(&Found{Kept: k, Dead: d})
	})
	if errors.Is(err, errPast) {
		err = nil
	}
	if err == nil && unreadable > 0 {
		err = fmt.Errorf("%d letters cannot be read: they are damaged, or of a newer Drainline", unreadable)
	}
	return err
}

// errPast ends a search that can find nothing more.
var errPast = errors.New("past")

func (r *Reader) means(s *Search, d *drainlinev1.DeadBlock) bool {
	if len(s.IDs) > 0 && !slices.Contains(s.IDs, wire.ToID(d.GetId()).String()) {
		return false
	}
	if s.Destination != "" && s.Destination != d.GetDestination() {
		return false
	}
	return s.App == "" || r.Apps(d)[s.App] > 0
}

// Apps counts the events, or parts of requests, in a letter by app.
func (r *Reader) Apps(d *drainlinev1.DeadBlock) map[string]int {
	counts := map[string]int{}
	b := r.contents(d)
	for i := range b.Events {
		counts[r.name(b, &b.Events[i])]++
	}
	return counts
}

// name is whose event it is, as the books call it.
func (r *Reader) name(b *wire.Batch, e *wire.Event) string {
	from := &b.Origins[e.Origin]
	return cmp.Or(outcome.App(b, e), from.DrainToken, from.Credential)
}
