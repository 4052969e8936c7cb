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
	// App is of a letter when any event in it is the app's; Found says whether all are.
	App string
	// Since is when the first letter died, Until when the last did; zero for any time.
	Since, Until time.Time
	// Last is the number in the stream of the last letter that is meant, 0 for any.
	Last uint64
	// Unreadable has Find give letters that nobody can read as well, where nothing known of
	// them says that they are not meant.
	Unreadable bool
}

// Found is a dead letter with where it is.
type Found struct {
	Kept *bus.Kept
	// Dead is nil when the letter cannot be read.
	Dead *drainlinev1.DeadBlock
	// Mixed says that the search is for an app, and that the letter has events of others.
	Mixed bool
}

// ID is the letter's id.
func (f *Found) ID() string { return f.Kept.ID.String() }

// stages are those that write dead letters.
var stages = []string{wire.StageIngest, wire.StageTransform, wire.StageShipper} //nolint:gochecknoglobals // constant

// Check says what no letter can be.
func (s *Search) Check() error {
	for _, id := range s.IDs {
		if b, err := hex.DecodeString(id); err != nil || len(b) != len(wire.ID{}) {
			return fmt.Errorf("%s is no letter's id, which has 32 digits and letters", id)
		}
	}
	if s.Stage != "" && !slices.Contains(stages, s.Stage) {
		return fmt.Errorf("--stage %q: want ingest, transform or shipper", s.Stage)
	}
	if slices.ContainsFunc([]rune(s.Reason), func(r rune) bool { return r <= ' ' || r == '.' || r == '*' || r == '>' || r > '~' }) {
		return fmt.Errorf("--reason %q: `drainline dead list` shows what there is", s.Reason)
	}
	return nil
}

// Find calls f with the letters that are meant, oldest first, until f returns an error.
// Letters that cannot be read are passed over, and told with an UnreadableError once all
// others have been, unless the search is for them, too.
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
	unreadable := UnreadableError(0)
	err := c.Read(ctx, o, func(k *bus.Kept) error {
		if s.Last > 0 && k.Sequence > s.Last || !s.Until.IsZero() && k.Stored.After(s.Until) {
			return errPast
		}
		if len(s.IDs) > 0 && !slices.Contains(s.IDs, k.ID.String()) {
			return nil
		}
		d, err := OpenLetter(k.Payload)
		if err != nil && s.Unreadable {
			return f(&Found{Kept: k})
		}
		if err != nil {
			unreadable++
			return nil //nolint:nilerr // told at the end
		}
		meant, mixed := r.means(s, d)
		if !meant {
			return nil
		}
		return f(&Found{Kept: k, Dead: d, Mixed: mixed})
	})
	if errors.Is(err, errPast) {
		err = nil
	}
	if err == nil && unreadable > 0 {
		err = unreadable
	}
	return err
}

// UnreadableError is how many letters a search has passed over, since nobody can read them.
type UnreadableError int

func (e UnreadableError) Error() string {
	what := "1 letter"
	if e > 1 {
		what = fmt.Sprintf("%d letters", int(e))
	}
	return what + " cannot be read, being damaged or of a newer Drainline"
}

// errPast ends a search that can find nothing more.
var errPast = errors.New("past")

// means says whether a letter is meant, and whether it has events of others than the app
// that is.
func (r *Reader) means(s *Search, d *drainlinev1.DeadBlock) (meant, mixed bool) {
	if s.Destination != "" && s.Destination != d.GetDestination() {
		return false, false
	}
	if s.App == "" {
		return true, false
	}
	apps := r.Apps(d)
	return apps[s.App] > 0, len(apps) > 1
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
