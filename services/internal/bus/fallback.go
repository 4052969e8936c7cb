package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// restTime is how long a bus that did not answer is left alone while blocks go
	// to the fallback: otherwise one that hangs would cost each block a whole try.
	restTime = time.Second
	// publishTryFallback bounds a try of the fallback. A slow answer is a slow disk,
	// but the bus may be back meanwhile.
	publishTryFallback = 2 * time.Second
	// gatherTime is the least time between two blocks for the fallback. Each has to
	// be written there and forwarded, so fewer and larger ones are worth a wait.
	gatherTime = 20 * time.Millisecond
)

// Fallback is another bus, with a stream for the same subjects, that takes blocks
// which the bus itself does not take. Somebody forwards them, with their ids.
type Fallback struct {
	Conn *Conn
	// Healthy returns an error while nothing may be stored there.
	Healthy func() error
	// Took hears of each block that was stored there, and why.
	Took func(why error)
}

// publish tries once.
func (f *Fallback) publish(ctx context.Context, m *nats.Msg) error {
	if err := f.Healthy(); err != nil {
		return err
	}
	return f.Conn.publishOnce(ctx, m, publishTryFallback)
}

// away says that nothing can be stored there.
func (f *Fallback) away() bool { return f.Conn.Away() || f.Healthy() != nil }

// path is the way of a writer's blocks, one at a time.
type path struct {
	main     *Conn
	fallback *Fallback // may be nil
	// rest is until when main is left alone, and reason why.
	rest   time.Time
	reason error
	// diverted is when the last block went to the fallback, zero if it went to main.
	diverted time.Time
	// stalls are of both together: those of main alone are told by who forwards.
	stalls stalls
}

// publish is Conn.publish over both.
func (p *path) publish(ctx context.Context, m Msg, failed func(error)) error {
	if p.fallback == nil {
		return p.main.publish(ctx, m, failed)
	}
	return p.main.traced(ctx, m, func(ctx context.Context, out *nats.Msg) error {
		return p.main.persist(ctx, m.Subject, &p.stalls, func() error { return p.try(ctx, out) }, failed)
	})
}

// try publishes to main, and to the fallback if main does not take the message.
func (p *path) try(ctx context.Context, m *nats.Msg) error {
	if !time.Now().Before(p.rest) {
		p.reason = p.main.publishOnce(ctx, m, publishTry)
		if p.reason == nil {
			p.diverted = time.Time{}
		}
		if p.reason == nil || isPermanent(p.reason) {
			return p.reason
		}
		if !p.main.Away() { // one that is away is no trouble to ask
			p.rest = time.Now().Add(restTime)
		}
	}
	if err := p.fallback.publish(ctx, m); err != nil {
		p.rest = time.Time{}
		return fmt.Errorf("%w; and the spool: %w", p.reason, err)
	}
	p.diverted = time.Now()
	p.fallback.Took(p.reason)
	return nil
}

// gather lets requests come together while blocks go to the fallback.
func (p *path) gather(ctx context.Context) {
	if p.diverted.IsZero() {
		return
	}
	select {
	case <-time.After(gatherTime - time.Since(p.diverted)):
	case <-ctx.Done():
	}
}

// away says that there is nothing to publish to.
func (p *path) away() bool {
	return p.main.Away() && (p.fallback == nil || p.fallback.away())
}
