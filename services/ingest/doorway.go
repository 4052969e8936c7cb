package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest/internal/door"
	"github.com/drainline/drainline/services/internal/telemetry"
)

// lastWords is how long a door goes on answering after it has stopped to accept.
const lastWords = 200 * time.Millisecond

// opening is how a door meets the network. To add a door, make its handler in
// New and give it to open; all else (serving, the gate, certificates, the end)
// follows from what is said here.
type opening struct {
	// key of the door's section in the configuration, for errors: ingest.logplex.
	key string
	// listen and tls of that section; tls is asked again at every reload.
	listen string
	tls    func(*config.Config) config.ServerTLS
	limits config.Limits
	// handler answers.
	handler http.Handler
	// gated doors refuse connections while nothing can be stored.
	gated bool
	// drain tells the handler that the door is about to close. Nil: it need not know.
	drain func()
}

// doorway is an open door: a handler behind a server and a listener.
type doorway struct {
	opening

	listener *listener
	server   *door.Server
	draining atomic.Bool
	name     string // logplex, hec
	answers  *telemetry.Histograms
	log      *slog.Logger
}

func openDoorway(ctx context.Context, o opening, c *config.Config, m *telemetry.Metrics, log *slog.Logger) (*doorway, error) {
	l, err := listen(ctx, o.key, o.listen, o.tls(c))
	if err != nil {
		return nil, err
	}
	d := &doorway{
		opening: o, listener: l, name: strings.TrimPrefix(o.key, "ingest."),
		answers: m.Histograms("drainline_ingest_request_duration"), log: log,
	}
	d.server = door.NewServer(d, log, o.limits)
	m.Gauge("drainline_ingest_connections", func() float64 { return float64(d.server.Connections()) }, d.name)
	return d, nil
}

// ServeHTTP hands on to the door's handler. While ingest drains, every answer
// ends its connection: the sender makes the next one to another instance. Those
// that are idle are left to be used once more, since closing them would cost
// Logplex a try.
func (d *doorway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.draining.Load() {
		w.Header()["Connection"] = []string{"close"}
	}
	if r.Method != http.MethodPost {
		d.handler.ServeHTTP(w, r)
		return
	}
	a := &answered{ResponseWriter: w}
	begun := time.Now()
	defer func() { d.answers.With(d.name, a.outcome()).Record(r.Context(), time.Since(begun).Seconds()) }()
	d.handler.ServeHTTP(a, r)
}

// answered remembers the status of an answer.
type answered struct {
	http.ResponseWriter

	status int // 0 before the answer
}

// WriteHeader implements http.ResponseWriter.
func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for what has to reach net/http's own writer.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// outcome is the status, or aborted where the connection was closed instead.
func (a *answered) outcome() string {
	if a.status == 0 {
		return "aborted"
	}
	return strconv.Itoa(a.status)
}

// serve returns why connections are no longer accepted, http.ErrServerClosed
// after close.
func (d *doorway) serve() error {
	return fmt.Errorf("%s.listen %s does not accept any more: %w", d.key, d.listener.Addr(), d.server.Serve(d.listener))
}

func (d *doorway) startDraining() { d.draining.Store(true) }

// lastWords answers what comes on connections that are just open, and refuses new
// ones: net/http's Shutdown would end those without an answer, which costs Logplex
// a try.
func (d *doorway) lastWords(ctx context.Context) {
	if err := d.listener.shut(); err != nil {
		d.log.Debug("listening socket", "door", d.key, "error", err)
	}
	select {
	case <-time.After(lastWords):
	case <-ctx.Done():
	}
}

// close stops accepting and waits for the requests that are held, until ctx
// ends; then it cuts them off.
func (d *doorway) close(ctx context.Context) {
	if d.drain != nil {
		d.drain()
	}
	d.lastWords(ctx)
	if err := d.server.Shutdown(ctx); err != nil {
		d.log.Warn("requests are still being sent, cutting them off", "door", d.key, "error", err)
		if err := d.server.Close(); err != nil {
			d.log.Debug("close", "error", err)
		}
	}
}
