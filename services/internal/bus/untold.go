package bus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// untoldBytes bounds the notes that wait to be told, and joinedBytes one of them:
	// small ones are joined.
	untoldBytes = 1 << 20
	joinedBytes = 64 << 10
)

// untold are notes on acknowledgement that the bus did not take. They are told from
// a goroutine of their own, which lives while there are any: whoever acknowledges
// logs can not wait for that. They are lost with the process; then senders send again.
type untold struct {
	failed  atomic.Int64 // when telling last failed, nanoseconds since 1970, zero once it works
	telling sync.WaitGroup
	alarm   Alarm

	mu      sync.Mutex
	notes   []untoldNote // oldest first
	size    int          // of their messages
	running bool         // somebody tells them
	ended   bool         // nobody will
}

// untoldNote is one or more notes of a stage: joined messages are one message with
// the items of all.
type untoldNote struct {
	stage   string
	message []byte
	items   int
}

// patience is how long a try to tell may take.
func (u *untold) patience() time.Duration {
	if failed := u.failed.Load(); failed > 0 && time.Since(time.Unix(0, failed)) < tellAgain {
		return hastyTime
	}
	return tellTime
}

// tried takes in how a try to tell went.
func (u *untold) tried(err error) {
	if _, retry := errors.AsType[*RetryError](err); retry {
		u.failed.Store(time.Now().UnixNano())
	} else {
		u.failed.Store(0)
	}
}

// keepNote has a note told later. It returns how many older items were dropped for it.
func (c *Conn) keepNote(n untoldNote, reason error) (dropped int) {
	u := &c.untold
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return n.items
	}
	u.add(n)
	if !u.running {
		u.running = true
		u.telling.Go(c.tellUntold)
		if u.alarm.Due() {
			c.log.Warn("HEC acknowledgement can not be told, trying on", "error", reason)
		}
	}
	return u.trim()
}

func (u *untold) add(n untoldNote) {
	u.size += len(n.message)
	for i := len(u.notes) - 1; i >= 0; i-- {
		if last := &u.notes[i]; last.stage == n.stage {
			if len(last.message)+len(n.message) > joinedBytes {
				break
			}
			last.message, last.items = append(last.message, n.message...), last.items+n.items
			return
		}
	}
	u.notes = append(u.notes, n)
}

// trim drops the oldest notes beyond the bound, but never the only one.
func (u *untold) trim() (dropped int) {
	for u.size > untoldBytes && len(u.notes) > 1 {
		dropped += u.pop().items
	}
	return dropped
}

func (u *untold) pop() untoldNote {
	n := u.notes[0]
	u.notes[0] = untoldNote{}
	u.notes = u.notes[1:]
	u.size -= len(n.message)
	return n
}

// take returns the oldest note. When there is none, nobody tells any more.
func (u *untold) take() (n untoldNote, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended || len(u.notes) == 0 {
		u.running = false
		return n, false
	}
	return u.pop(), true
}

// tellUntold tells what there is. Each note is tried until the bus takes it, or never
// will, or the connection is closed.
func (c *Conn) tellUntold() {
	lost := 0
	for n, ok := c.untold.take(); ok; n, ok = c.untold.take() {
		if err := c.storeNote(context.Background(), n.stage, n.message); err != nil {
			lost += n.items
			c.log.Debug("notes on acknowledgement are not told", "stage", n.stage, "error", err)
		}
	}
	if lost += c.untold.left(); lost > 0 {
		c.log.Warn("HEC clients are never told that their events are delivered, and will send them again", "notes", lost)
	}
}

// left is how many items nobody tells any more.
func (u *untold) left() (items int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		for _, n := range u.notes {
			items += n.items
		}
	}
	return items
}

// end has nothing told any more, and nothing kept.
func (u *untold) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
}
