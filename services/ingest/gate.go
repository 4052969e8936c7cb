package ingest

import (
	"context"
	"log/slog"
	"time"
)

const (
	// blip is how long nothing can be stored before a gate shuts. Requests are held
	// meanwhile, and most troubles are over by then.
	blip = time.Second
	// look is how often a gate looks whether anything can be stored.
	look = 50 * time.Millisecond
)

// gate shuts a listener while nothing can be stored: Logplex counts an answer of
// 503 as one of a batch's three tries and repeats it at once, but a connection
// that is refused costs it none, however often. A socket that is merely not
// accepted from would still complete handshakes.
type gate struct {
	listener *listener
	// trouble returns why nothing can be stored, nil while something can.
	trouble func() error
	log     *slog.Logger
}

// run works until ctx ends and leaves the listener as it is then.
func (g *gate) run(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	var since time.Time // of the trouble
	shut, failing := false, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := g.trouble()
		switch {
		case err == nil && shut:
			openErr := g.listener.open(ctx)
			g.report(openErr, failing)
			shut, failing = openErr != nil, openErr != nil
			since = time.Time{}
		case err == nil:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case !shut && time.Since(since) >= blip:
			shut = true
			g.log.Warn("connections are refused until logs can be stored", "listen", g.listener.address, "error", err)
			if err := g.listener.shut(); err != nil {
				g.log.Warn("listening socket", "error", err)
			}
		}
	}
}

// report tells how opening went; a failure is told once while it goes on.
func (g *gate) report(err error, told bool) {
	switch {
	case err == nil:
		g.log.Info("connections are accepted again", "listen", g.listener.address)
	case !told:
		g.log.Error("logs can be stored again, but connections are still refused, trying on", "error", err)
	}
}
