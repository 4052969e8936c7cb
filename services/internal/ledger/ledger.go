// Package ledger keeps the books: what became of every event, by hour. Stages post what
// they did once it is stored, and acknowledge what they did it with once the books are:
// a crash may have something counted twice, and nothing never.
//
// The hour is that in which a stage has done it, not that of the event.
package ledger

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

const (
	// between is the time between two looks for what is to be stored: whoever settles
	// waits for so long at most, and for the bus.
	between = 100 * time.Millisecond
	// patience is how long the bus has to store pages. Then what waits for them is
	// settled without: books may be late, events are not held up for them.
	patience = 5 * time.Second
	// lastTry is how long Flush waits for the bus.
	lastTry = 2 * time.Second
	// mostHours is how many hours are kept while the bus does not store them.
	mostHours = 24
)

// Options are what a Ledger works with. All are needed.
type Options struct {
	Bus *bus.Conn
	// Stage is one of the wire.Stage words.
	Stage string
	Log   *slog.Logger
}

// Ledger keeps the books of one stage of this process. Of hours that the bus does not store
// it keeps 24.
type Ledger struct {
	o        Options
	instance string
	alarm    bus.Alarm
	hurry    chan struct{} // somebody waits in Flush

	mu      sync.Mutex
	hours   []*hour   // the present one last, before it those that are not stored yet
	live    *sheet    // since the start
	waiting []func()  // to call when all that is posted is stored
	storing bool      // somebody is at it
	flying  bool      // pages are on their way
	abort   func()    // ends that
	late    time.Time // since when the bus has not taken pages; zero while it does
	flushed []chan error
}

// New makes a ledger without a row.
func New(o Options) *Ledger {
	return &Ledger{o: o, instance: wire.RandomID().String(), live: newSheet(), hurry: make(chan struct{}, 1)}
}

// Post books what a tally has, in the present hour. It does not wait.
func (l *Ledger) Post(t *Tally) { l.post(t, time.Now()) }

func (l *Ledger) post(t *Tally, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(t.used) == 0 {
		return
	}
	h := l.hour(now)
	t.Each(func(r *Row) {
		h.add(r)
		shown := *r
		shown.Key = Key{Input: r.Input, Destination: r.Destination, Rule: r.Rule}
		l.live.add(&shown, func(int) {})
	})
	l.store()
}

// hour wants mu held.
func (l *Ledger) hour(now time.Time) *hour {
	begin := now.UTC().Truncate(time.Hour)
	if last := len(l.hours) - 1; last >= 0 && !begin.After(l.hours[last].begin) { // a clock may go back
		return l.hours[last]
	}
	h := newHour(begin)
	if len(l.hours) == mostHours {
		l.drop()
	}
	l.hours = append(l.hours, h)
	return h
}

// drop forgets the oldest hour, which the bus has not stored for so long. What of it was
// stored before stays. It wants mu held.
func (l *Ledger) drop() {
	oldest := l.hours[0]
	l.hours = slices.Delete(l.hours, 0, 1)
	l.o.Log.Error("the books of an hour are lost in part or all: the bus has not stored them for a day", "hour", oldest.begin)
}

// Settle calls ack when all that was posted before is stored: at once where that is so,
// else from another goroutine, within about a tenth of a second. When the bus does not
// store books for five seconds, ack is called all the same.
func (l *Ledger) Settle(ack func()) {
	l.mu.Lock()
	wait := l.late.IsZero() && (l.flying || l.dirty())
	if wait {
		l.waiting = append(l.waiting, ack)
		l.store()
	}
	l.mu.Unlock()
	if !wait {
		ack()
	}
}

// dirty wants mu held.
func (l *Ledger) dirty() bool {
	for _, h := range l.hours {
		if h.dirty() {
			return true
		}
	}
	return false
}

// store has somebody store the books. It wants mu held.
func (l *Ledger) store() {
	if !l.storing {
		l.storing = true
		go l.run()
	}
}

// run stores until nothing is left to be stored.
func (l *Ledger) run() {
	for {
		began := time.Now()
		l.mu.Lock()
		pages, acks, flushed := l.pages(), l.waiting, l.flushed
		l.waiting, l.flushed, l.flying = nil, nil, len(pages) > 0
		limit := patience
		switch {
		case len(flushed) > 0 && !l.late.IsZero():
			limit = 0 // it was tried
		case len(flushed) > 0:
			limit = lastTry
		}
		if len(pages) == 0 && len(acks) == 0 && len(flushed) == 0 {
			l.storing = false
			l.mu.Unlock()
			return
		}
		ctx, abort := context.WithTimeout(context.Background(), limit)
		l.abort = abort
		l.mu.Unlock()
		err := l.publish(ctx, pages)
		abort()
		l.mu.Lock()
		l.flying = false
		switch {
		case err == nil:
			l.late = time.Time{}
		case l.late.IsZero():
			l.late = began
		}
		l.mu.Unlock()
		for _, ack := range acks {
			ack()
		}
		for _, done := range flushed {
			done <- err
		}
		if errors.Is(err, bus.ErrClosed) {
			l.end()
			return
		}
		if len(pages) > 0 {
			l.pause(began)
		}
	}
}

// pause leaves time for others to post.
func (l *Ledger) pause(began time.Time) {
	wait := time.NewTimer(between - time.Since(began))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-l.hurry:
	}
}

// end lets go of everybody who waits, since the connection is closed for good.
func (l *Ledger) end() {
	l.mu.Lock()
	acks, flushed := l.waiting, l.flushed
	l.waiting, l.flushed, l.storing = nil, nil, false
	l.mu.Unlock()
	for _, ack := range acks {
		ack()
	}
	for _, done := range flushed {
		done <- bus.ErrClosed
	}
}

// publish stores pages, or fails when the bus has not taken one of them before ctx ends.
// What it has not stored is to be stored again.
func (l *Ledger) publish(ctx context.Context, pages []page) error {
	for i := range pages {
		if err := l.publishPage(ctx, &pages[i]); err != nil {
			l.mu.Lock()
			for _, left := range pages[i:] {
				left.hour.changed[left.part] = true
			}
			l.mu.Unlock()
			if !errors.Is(err, bus.ErrClosed) && l.alarm.Due() {
				l.o.Log.Error("the books are late: the bus does not store them, events go on without", "error", err)
			}
			return err
		}
	}
	return nil
}

func (l *Ledger) publishPage(ctx context.Context, p *page) error {
	payload, err := p.seal(l.o.Stage, l.instance)
	if err != nil {
		return err
	}
	return l.o.Bus.Publish(ctx, bus.Msg{
		ID: wire.PayloadID(payload), Payload: payload,
		Subject: l.o.Bus.Names().LedgerSubject(p.hour.begin, l.o.Stage, l.instance, p.part),
	})
}

// Late is since when the bus has not stored books; the zero time while it does.
func (l *Ledger) Late() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.late
}

// Flush returns when all that was posted is stored and everybody who waited for that is
// settled. When the bus does not take it that is so without, after two seconds, or twice
// that where pages were on their way; and at once where the books are late already. What
// is not stored then is said in the log.
func (l *Ledger) Flush() {
	l.mu.Lock()
	if !l.storing && !l.dirty() {
		l.mu.Unlock()
		return
	}
	done := make(chan error, 1)
	l.flushed = append(l.flushed, done)
	l.store()
	if l.flying && !l.late.IsZero() {
		l.abort()
	} else if l.flying {
		defer time.AfterFunc(lastTry, l.abort).Stop()
	}
	l.mu.Unlock()
	select {
	case l.hurry <- struct{}{}:
	default: // somebody else is in a hurry, too
	}
	if err := <-done; err != nil {
		l.mu.Lock()
		rows := l.unsaved()
		l.mu.Unlock()
		l.o.Log.Error("the bus does not store the books: these rows are lost if the service ends now", "rows", rows, "error", err)
	}
}

// unsaved counts the rows of pages that are to be stored. It wants mu held.
func (l *Ledger) unsaved() int {
	n := 0
	for _, h := range l.hours {
		for part, changed := range h.changed {
			if changed {
				n += min(len(h.rows)-part*partRows, partRows)
			}
		}
	}
	return n
}

// Rows are the rows of this process since its start, without index, sourcetype and
// credential.
func (l *Ledger) Rows() []Row {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := make([]Row, len(l.live.rows))
	for i, r := range l.live.rows {
		rows[i] = *r
	}
	return rows
}
