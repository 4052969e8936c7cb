// Package player plays Logplex: it makes messages, frames and batches them and posts them to a drain URL, as Heroku's Logplex does.
//
// It keeps Logplex's habits, good and bad. Each drain has one connection and one request in flight. A request has five seconds from the
// start of sending. A bad status, a timeout or a broken connection costs one of three tries, and the next follows without delay under
// the same frame id; a connection that cannot be made costs none. A 4xx other than 429 drops the batch at once. Dropped messages are
// told in an L10 frame at the head of the drain's next batch. The HTTP client is as minimal as Logplex's: it understands neither chunked
// answers nor interim ones. Certificates are not verified.
package player

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxDrains = 10_000
	// maxToken is the longest drain token that Drainline lists, in bytes. Logplex's have 38.
	maxToken = 128
	// maxFrames is the number of messages Logplex buffers for a drain, and so the most a batch can have.
	maxFrames = 1024
	minRate   = 1.0 / (24 * 60 * 60)
	// answerTimeout runs from the start of sending, and includes the upload.
	answerTimeout = 5 * time.Second
)

// Options say what to play, and to whom.
type Options struct {
	// URL is the drain URL, http or https. User and password become Basic credentials the way Logplex splits them: a lone user has
	// an empty password, and a lone password becomes the user.
	URL string
	// Drains is how many drains play at once, each under a drain token of its own. At most 10000. Default: 1, or as many as Tokens.
	Drains int
	// Tokens are the drain tokens of the first drains, each of 1 to 128 visible ASCII characters; the others have random ones. More than
	// Drains make as many drains.
	Tokens []string
	// FramesPerRequest is the most messages a request carries. Like Logplex, a drain sends what is there as soon as the last answer
	// came, so requests are full only if messages are there faster than answers. A request's frames also stay below 102400 bytes,
	// unless it has a single one, or the L10 frame on top. At most 1024. Default: 1.
	FramesPerRequest int
	// Rate is the number of messages a second over all drains, counted from the start: what a slow receiver holds up is caught up.
	// At least one a day. Zero is as fast as answers come.
	Rate float64
	// Count ends the run after this many messages over all drains, shared out evenly. Zero plays until the context or Lines ends.
	Count int64
	// Lines are the messages, each a line of an app; longer ones are cut every 10000 bytes, as a dyno does. The run ends with them.
	// Without Lines the messages are built-in samples of about 200 bytes of everything Heroku sends.
	//
	// A Read that blocks when the context ends is left behind with its goroutine: nothing can interrupt it.
	Lines io.Reader
	// Numbered appends " id=<drain>-<n> t=<unix nanoseconds>" to each message, where drain is the last part of the drain's random token
	// (a random one too where Tokens has its token) and n counts the drain's messages from 1, so that both ends can count messages and
	// the far end can tell their age.
	Numbered bool
	// Ledger gets the id of each accepted message, one a line, in one Write a request, after the request's 2xx has arrived. It needs
	// Numbered. A failed Write ends the run.
	Ledger io.Writer
	// NoLossReports leaves out L10 frames, so that the receiver gets played messages only.
	NoLossReports bool
}

// A Player plays once. Make it with New.
type Player struct {
	options Options
	target  *target
	clock   func() time.Time // of messages
	random  io.Reader        // of ids
	timeout time.Duration    // answerTimeout, except in tests
	lines   *lines           // nil for samples
	tally   *tally
	drains  []*drain
	begun   atomic.Int64 // unix nanoseconds, 0 before Run
	ended   atomic.Int64 // unix nanoseconds, 0 before the end

	ledger sync.Mutex // guards Options.Ledger
}

// New checks the options and makes the drains. It connects to nothing.
func New(options Options) (*Player, error) {
	return newPlayer(options, time.Now, rand.Reader, answerTimeout)
}

func newPlayer(options Options, clock func() time.Time, random io.Reader, timeout time.Duration) (*Player, error) {
	if options.Drains >= 0 {
		options.Drains = max(1, options.Drains, len(options.Tokens))
	}
	if options.FramesPerRequest == 0 {
		options.FramesPerRequest = 1
	}
	t, err := parseTarget(options.URL)
	if err != nil {
		return nil, err
	}
	if err := options.check(); err != nil {
		return nil, err
	}
	p := &Player{options: options, target: t, clock: clock, random: random, timeout: timeout, tally: newTally(timeout)}
	if options.Lines != nil {
		p.lines = newLines()
	}
	if err := p.makeDrains(); err != nil {
		return nil, err
	}
	return p, nil
}

// check names every option that is out of bounds.
func (o Options) check() error {
	var errs []error
	bound := func(ok bool, problem string) {
		if !ok {
			errs = append(errs, errors.New(problem))
		}
	}
	bound(o.Drains >= 1 && o.Drains <= maxDrains, fmt.Sprintf("drains: %d is not between 1 and %d", o.Drains, maxDrains))
	for _, token := range o.Tokens {
		bound(isToken(token), fmt.Sprintf("token: %.200q is not 1 to %d visible ASCII characters", token, maxToken))
	}
	bound(o.FramesPerRequest >= 1 && o.FramesPerRequest <= maxFrames,
		fmt.Sprintf("frames per request: %d is not between 1 and %d", o.FramesPerRequest, maxFrames))
	bound(o.Rate == 0 || o.Rate >= minRate, fmt.Sprintf("rate: %v is below one message a day", o.Rate))
	bound(o.Count >= 0, fmt.Sprintf("count: %d is negative", o.Count))
	bound(o.Ledger == nil || o.Numbered, "ledger: only numbered messages have ids")
	return errors.Join(errs...)
}

func isToken(token string) bool {
	invisible := func(r rune) bool { return r < '!' || r > '~' }
	return token != "" && len(token) <= maxToken && !strings.ContainsFunc(token, invisible)
}

func (p *Player) makeDrains() error {
	p.drains = make([]*drain, p.options.Drains)
	for i := range p.drains {
		var messages source = p.lines
		if p.lines == nil {
			messages = &sampler{samples: samples(), next: i * sampleCount / len(p.drains)}
		}
		d, err := newDrain(p, messages)
		if err != nil {
			return err
		}
		if i < len(p.options.Tokens) {
			d.token = p.options.Tokens[i]
		}
		p.drains[i] = d
	}
	return nil
}

var errPlayed = errors.New("a player plays only once")

// Run plays until Count messages are answered, Lines end or ctx ends. When ctx ends, requests in flight are finished, up to their
// deadline, so what the result calls accepted is exact. The end of ctx is no error; a failing Ledger or Lines is.
func (p *Player) Run(ctx context.Context) (Result, error) {
	if !p.begun.CompareAndSwap(0, time.Now().UnixNano()) {
		return Result{}, errPlayed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.lines != nil {
		go p.lines.read(ctx, p.options.Lines)
	}
	errs := make([]error, len(p.drains))
	var drains sync.WaitGroup
	for i, d := range p.drains {
		drains.Go(func() {
			errs[i] = d.run(ctx, p.schedule(i))
			if errs[i] != nil {
				cancel() // the other drains have no ledger either
			}
		})
	}
	drains.Wait()
	p.ended.Store(time.Now().UnixNano())
	err := errors.Join(errs...)
	if p.lines != nil {
		err = errors.Join(err, p.lines.err())
	}
	return p.Snapshot(), err
}

// Snapshot returns what the run has come to so far. It may be called at any time.
func (p *Player) Snapshot() Result {
	r := p.tally.snapshot()
	begun, ended := p.begun.Load(), p.ended.Load()
	switch {
	case ended != 0:
		r.Elapsed = time.Duration(ended - begun)
	case begun != 0:
		r.Elapsed = time.Since(time.Unix(0, begun))
	}
	return r
}

// schedule is the share of one drain in Count and Rate. Drains begin one after another, so that together they send evenly.
func (p *Player) schedule(i int) *schedule {
	n := int64(p.options.Drains)
	s := &schedule{start: time.Now(), left: -1}
	if p.options.Count > 0 {
		s.left = p.options.Count / n
		if int64(i) < p.options.Count%n {
			s.left++
		}
	}
	if p.options.Rate > 0 {
		s.interval = float64(n) * float64(time.Second) / p.options.Rate
		s.start = s.start.Add(time.Duration(s.interval * float64(i) / float64(n)))
	}
	return s
}

// record writes the ids of accepted messages.
func (p *Player) record(ids []byte) error {
	if p.options.Ledger == nil {
		return nil
	}
	p.ledger.Lock()
	defer p.ledger.Unlock()
	if _, err := p.options.Ledger.Write(ids); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}
