package player

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// tries is how often Logplex sends a batch that gets a bad status, no answer or a broken connection.
const tries = 3

// A drain plays one drain: it fills a batch, delivers it, and fills the next.
type drain struct {
	player   *Player
	messages source
	token    string
	name     string // the drain's part of a message's id, empty unless messages are numbered
	number   int64  // of the last message
	batch    *batch
	frameID  [uuidLength]byte
	conn     *connection // nil when not connected

	held   message // taken from messages, but too big for the last batch
	isHeld bool

	lost      int64 // messages dropped and not yet reported in an accepted batch
	lostSince time.Time
}

func newDrain(p *Player, messages source) (*drain, error) {
	d := &drain{player: p, messages: messages, batch: newBatch(p.target)}
	if err := newUUID(p.random, &d.frameID); err != nil {
		return nil, err
	}
	d.token = "d." + string(d.frameID[:])
	if p.options.Numbered {
		d.name = string(d.frameID[lastPart:])
	}
	return d, nil
}

// run plays until the schedule or the messages end, or ctx does.
func (d *drain) run(ctx context.Context, s *schedule) error {
	defer d.disconnect()
	for {
		limit := s.wait(ctx, d.player.options.FramesPerRequest)
		if limit == 0 {
			return nil
		}
		switch filled, err := d.fill(ctx, limit); {
		case err != nil:
			return err
		case !filled:
			return nil
		}
		s.took(d.batch.messages)
		if err := d.deliver(ctx); err != nil {
			return err
		}
	}
}

// fill makes the next batch, of at least one message and at most limit. It returns false if there is no message.
func (d *drain) fill(ctx context.Context, limit int) (bool, error) {
	m, ok := d.next(ctx, true)
	if !ok {
		return false, nil
	}
	now := d.player.clock()
	d.batch.begin(now)
	if d.lost > 0 && !d.player.options.NoLossReports {
		d.batch.reportLoss(d.lost, now, d.lostSince)
	}
	for ok {
		if !d.batch.add(m, d.name, d.number+1) {
			d.held, d.isHeld = m, true
			break
		}
		d.number++
		if d.batch.messages == limit {
			break
		}
		m, ok = d.next(ctx, false)
	}
	if err := newUUID(d.player.random, &d.frameID); err != nil {
		return false, err
	}
	d.batch.seal(d.player.target, d.frameID[:], d.token)
	return true, nil
}

func (d *drain) next(ctx context.Context, wait bool) (message, bool) {
	if d.isHeld {
		d.isHeld = false
		return d.held, true
	}
	return d.messages.take(ctx, wait)
}

// deliver sends the batch until it is accepted or dropped, or ctx ends. It fails if the ledger does.
func (d *drain) deliver(ctx context.Context) error {
	for try := 1; try <= tries; try++ {
		if !d.connect(ctx) {
			if try > 1 {
				d.player.tally.abandon(d.batch)
			}
			return nil
		}
		if done, err := d.send(try); done {
			return err
		}
		if try < tries && ctx.Err() != nil {
			d.player.tally.abandon(d.batch)
			return nil //nolint:nilerr // the end of ctx is no failure
		}
	}
	d.drop()
	return nil
}

// send sends the batch once and tells whether it is done with.
func (d *drain) send(try int) (done bool, err error) {
	tally := d.player.tally
	tally.sending(d.batch, try)
	begun := time.Now()
	a, failure := d.conn.exchange(d.batch.request, begun.Add(d.player.timeout))
	took := time.Since(begun)
	verdict := judge(a.status, failure)
	if verdict == temporary || a.hangUp {
		d.disconnect()
	}
	if verdict == accepted {
		if d.batch.reported > 0 {
			d.lost = 0
		}
		tally.accept(d.batch, a, took)
		return true, d.player.record(d.batch.ids)
	}
	tally.refuse(a, failure)
	if verdict == permanent {
		d.drop()
		return true, nil
	}
	return false, nil
}

// drop gives the batch up, to be told in the next one's L10 frame.
func (d *drain) drop() {
	if d.lost == 0 {
		d.lostSince = d.player.clock()
	}
	d.lost += int64(d.batch.messages)
	d.player.tally.drop(d.batch)
}

// connect connects if need be. It tries until ctx ends, which costs the batch none of its tries.
func (d *drain) connect(ctx context.Context) bool {
	for failures := 1; d.conn == nil; failures++ {
		conn, err := d.player.target.dial(ctx)
		switch {
		case err == nil:
			d.conn = newConnection(conn)
			return true
		case ctx.Err() != nil:
			return false
		}
		d.player.tally.connectFailed(err)
		pause(ctx, backoff(failures, rand.IntN))
	}
	return true
}

func (d *drain) disconnect() {
	if d.conn != nil {
		_ = d.conn.Close() // nothing is left to be told
		d.conn = nil
	}
}

// backoff is Logplex's delay after a number of failures to connect in a row: 10 ms × ⌊(2^r − 1) / 2⌋, where r is random between 1 and
// the number of failures, at most 10. That is 0 to 5.11 s.
func backoff(failures int, random func(n int) int) time.Duration {
	const (
		unit = 10 * time.Millisecond
		most = 10
	)
	r := 1 + random(min(most, failures))
	return unit * time.Duration((1<<r-1)/2)
}

// A verdict is what Logplex makes of an answer.
type verdict int

const (
	temporary verdict = iota // try again: 429, 1xx, 3xx, 5xx and everything without a status
	accepted                 // 2xx
	permanent                // 4xx except 429
)

func judge(status int, err error) verdict {
	const class = 100
	switch {
	case err != nil, status == http.StatusTooManyRequests:
		return temporary
	case status/class == http.StatusOK/class:
		return accepted
	case status/class == http.StatusBadRequest/class:
		return permanent
	default:
		return temporary
	}
}

const (
	uuidLength = 36
	lastPart   = 24 // where the last of a UUID's five parts begins
)

// newUUID makes a random (version 4) UUID, in lower case with hyphens, as Logplex's frame ids and drain tokens are.
func newUUID(random io.Reader, into *[uuidLength]byte) error {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return fmt.Errorf("make id: %w", err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	hex.Encode(into[0:], b[0:4])
	hex.Encode(into[9:], b[4:6])
	hex.Encode(into[14:], b[6:8])
	hex.Encode(into[19:], b[8:10])
	hex.Encode(into[lastPart:], b[10:])
	into[8], into[13], into[18], into[23] = '-', '-', '-', '-'
	return nil
}
