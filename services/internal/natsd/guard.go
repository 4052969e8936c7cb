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
	suspect     string    // what Healthz said at the last check
	badSince    time.Time // since when
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
		g.suspect = ""
		g.report(diskFull, err)
		return
	}
	if g.down == nil {
		g.checkHealth(now)
	}
	switch {
	case g.down == nil:
	case now.Before(g.nextRestart):
		g.report(unavailable, g.down)
	default:
		g.restart(ctx, now)
	}
}

// checkHealth takes a server down whose JetStream has been unavailable for too
// long. A stream that is just being created looks unavailable as well, so a
// sentence counts only when it comes twice in a row.
func (g *guard) checkHealth(now time.Time) {
	ns, _ := g.server.serving()
	h := ns.Healthz(nil)
	switch {
	case h.Status == "ok":
		g.suspect = ""
		g.report(fine, nil)
	case h.Error != g.suspect:
		g.suspect, g.badSince = h.Error, now
	default:
		err := fmt.Errorf("JetStream is %s: %s", h.Status, h.Error)
		g.report(unavailable, err)
		if now.Sub(g.badSince) >= g.server.opts.RestartAfter {
			g.halt(err)
		}
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
	g.suspect = ""
	g.server.setTrouble(why)
	g.server.halt()
}

// restart starts a new server.
func (g *guard) restart(ctx context.Context, now time.Time) {
	g.report(restarting, fmt.Errorf("%w: %w", errRestarting, g.down))
	g.backoff = nextBackoff(g.backoff, now.Sub(g.nextRestart))
	g.down = g.server.launch(ctx)
	g.nextRestart = time.Now().Add(g.backoff)
	switch {
	case ctx.Err() != nil: // shutting down
	case g.down != nil:
		g.report(unavailable, g.down)
	default:
		g.checkHealth(now)
	}
}

// nextBackoff doubles the pause between restarts from a second to a minute; quiet
// is for how long none was needed after the last pause.
func nextBackoff(last, quiet time.Duration) time.Duration {
	if quiet > maxBackoff {
		return minBackoff
	}
	return min(max(minBackoff, 2*last), maxBackoff)
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
