package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest/internal/door"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/telemetry"
)

const (
	// answering is how long held requests have at the end to get their answer, more
	// than the longest hold. Uploads that take longer are cut.
	answering = 5 * time.Second
	// flushing is how long the bus then has to answer for what is on its way.
	flushing = 5 * time.Second
)

// Options are what ingest works with.
type Options struct {
	Config  *config.Config
	Bus     *bus.Conn
	Metrics *telemetry.Metrics
	Log     *slog.Logger
	// DataDir keeps the credential that is made when none is configured. Empty means
	// that none can be made.
	DataDir string
	// Healthy returns an error while nothing may be stored, because the disk is full
	// for instance. Every request asks it. Nil means that there is nothing to ask.
	Healthy func() error
}

// Counts are what ingest counts, exported as drainline_ingest_*.
type Counts = door.Counts

// Ingest is the Logplex door and what stands behind it.
type Ingest struct {
	log      *slog.Logger
	counts   *Counts
	secret   *madeSecret
	settings atomic.Pointer[settings]
	store    *store
	door     *door.Door
	server   *door.Server
	listener net.Listener
}

// New opens the door. Senders are answered once Run is called, which has to
// follow, since it also closes what New opens. Errors are sentences for the
// operator. What is still on the bus is read first, three seconds at most, to
// recognise retries of it.
func New(ctx context.Context, o Options) (*Ingest, error) {
	healthy := o.Healthy
	if healthy == nil {
		healthy = func() error { return nil }
	}
	i := &Ingest{log: o.Log, counts: door.NewCounts(o.Metrics), secret: &madeSecret{dir: o.DataDir}}
	s, err := newSettings(o.Config, i.secret)
	if err != nil {
		return nil, err
	}
	certificate, err := loadCertificate(o.Config.Ingest.Logplex.TLS)
	if err != nil {
		return nil, err
	}
	if i.store, err = newStore(ctx, o.Bus, o.Config.Bus.Raw.Shards, i.counts, o.Log); err != nil {
		return nil, err
	}
	// Last, because a connection that is refused costs Logplex none of its tries.
	if i.listener, err = listen(ctx, o.Config.Ingest.Logplex.Listen, certificate); err != nil {
		return nil, errors.Join(err, i.store.close(ctx))
	}
	i.settings.Store(s)
	i.door = door.New(door.Options{
		Store: i.store, Healthy: healthy, Counts: i.counts, Log: o.Log,
	}, s.door)
	i.server = door.NewServer(i.door, o.Log)
	return i, nil
}

// Run serves until ctx ends. Then it stops accepting, answers the requests it
// holds, has the bus answer for what is on its way, and returns nil, within ten
// seconds.
func (i *Ingest) Run(ctx context.Context) error {
	served := make(chan struct{})
	var err, failed error
	go func() {
		err = i.server.Serve(i.listener)
		close(served)
	}()
	select {
	case <-ctx.Done():
	case <-served:
		failed = fmt.Errorf("ingest.logplex.listen %s does not accept any more: %w", i.listener.Addr(), err)
	}
	end := context.WithoutCancel(ctx)
	i.closeDoor(end)
	flush, cancel := context.WithTimeout(end, flushing) // more than the longest hold, too
	defer cancel()
	<-served
	i.server.Wait() // what was cut off may still be storing
	if err := i.store.close(flush); err != nil {
		i.log.Warn("requests that were on their way are not stored, their senders were told so", "error", err)
	}
	return failed
}

func (i *Ingest) closeDoor(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	if err := i.server.Shutdown(ctx); err != nil {
		i.log.Warn("requests are still being sent, cutting them off", "error", err)
		if err := i.server.Close(); err != nil {
			i.log.Debug("close", "error", err)
		}
	}
}

// Reload prepares what can change while the door is open: credentials, paths,
// hold, max_body and query_fields; commit puts all in force at once. It fails
// when the new configuration has no credential and none can be made.
func (i *Ingest) Reload(c *config.Config) (commit func(), err error) {
	s, err := newSettings(c, i.secret)
	if err != nil {
		return nil, err
	}
	return func() {
		i.settings.Store(s)
		i.door.Set(s.door)
	}, nil
}

// DrainURL is what Heroku's drains:add wants. It has *** for the secret unless
// that is to be revealed.
func (i *Ingest) DrainURL(reveal bool) string {
	return i.settings.Load().drainURL(i.listener.Addr(), reveal)
}

// SecretFile is where the secret is kept if it was made here, empty if it was
// configured.
func (i *Ingest) SecretFile() string {
	if !i.settings.Load().made {
		return ""
	}
	return i.secret.path()
}

// Counts are live.
func (i *Ingest) Counts() *Counts { return i.counts }
