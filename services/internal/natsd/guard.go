package natsd

import (
	"context"
	"fmt"
	"time"
)

const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// condition is what the guard has found; it logs when that changes.
type condition string

const (
	fine        condition = ""
	diskFull    condition = "disk nearly full"
	unavailable condition = "JetStream unavailable"
	restarting  condition = "restarting the embedded NATS server"
)

// guard watches disk and server. JetStream does not recover from a failed write
// (a full disk above all) when there is space again: only a new server on the
// same directory does. Owned by one goroutine.
type guard struct {
	server      *Server
	last        condition
	badSince    time.Time // when JetStream was first found unavailable
	down        error     // why there is no server just now
	backoff     time.Duration
	nextRestart time.Time
}

func (g *guard) run(ctx context.Context) {
	tick := time.NewTicker(g.server.opts.CheckInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.server.writeFailed:
		case <-tick.C:
		}
		g.check(ctx, time.Now())
	}
}

func (g *guard) check(ctx context.Context, now time.Time) {
	// At once, because a work queue goes on answering acks after a failed write
	// but no longer removes what they are for, and Healthz does not tell.
	if err := g.writeError(); err != nil {
		g.halt(err)
	}
	if err := g.diskTrouble(); err != nil {
		g.badSince = time.Time{}
		g.report(diskFull, err)
		return
	}
	if g.down == nil {
		g.checkHealth(now)
	}
	if g.down != nil && !now.Before(g.nextRestart) {
		g.restart(ctx, now)
	}
}

// checkHealth takes a server down whose JetStream has been unavailable for too long.
func (g *guard) checkHealth(now time.Time) {
	ns, _ := g.server.serving()
	h := ns.Healthz(nil)
	if h.Status == "ok" {
		g.badSince = time.Time{}
		g.report(fine, nil)
		return
	}
	err := fmt.Errorf("JetStream is %s: %s", h.Status, h.Error)
	g.report(unavailable, err)
	if g.badSince.IsZero() {
		g.badSince = now
	}
	if now.Sub(g.badSince) >= g.server.opts.RestartAfter {
		g.halt(err)
	}
}

// diskTrouble asks for an eighth more than the floor once space has run out,
// so that a disk just at the floor does not flap.
func (g *guard) diskTrouble() error {
	o := g.server.opts
	d, err := diskOf(o.Dir)
	if err != nil {
		return err
	}
	need := o.MinFree
	if g.last == diskFull {
		need += need / 8
	}
	if d.free >= need {
		return nil
	}
	return fmt.Errorf("the disk of %s is nearly full: %d bytes are free, %d are needed: free some space", o.Dir, d.free, need)
}

func (g *guard) writeError() error {
	ns, _ := g.server.serving()
	if ns == nil {
		return nil
	}
	return ns.log.writeError()
}

func (g *guard) halt(why error) {
	g.down = why
	g.badSince = time.Time{}
	g.server.setTrouble(why)
	g.server.halt()
}

// restart starts a new server. Restarts come at most once a second, then ever
// more rarely, until none was needed for a minute.
func (g *guard) restart(ctx context.Context, now time.Time) {
	g.report(restarting, fmt.Errorf("%w: %w", errRestarting, g.down))
	if now.Sub(g.nextRestart) > maxBackoff {
		g.backoff = 0
	}
	g.backoff = min(max(minBackoff, 2*g.backoff), maxBackoff)
	g.down = g.server.launch(ctx)
	g.nextRestart = time.Now().Add(g.backoff)
	if g.down != nil {
		g.report(unavailable, g.down)
		return
	}
	g.checkHealth(now)
}

// report makes what was found known to Healthy, and to the log when it is news.
func (g *guard) report(c condition, err error) {
	g.server.setTrouble(err)
	if c == g.last {
		return
	}
	log := g.server.opts.Log
	if c == fine {
		log.Info("embedded NATS server is healthy", "after", string(g.last))
	} else {
		log.Warn(string(c), "err", err)
	}
	g.last = c
}
