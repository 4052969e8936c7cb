// Package inspector is a HEC door with a memory instead of an index behind it,
// and a page that shows what is in it: what would reach Splunk. It takes every
// token, since it is for looking and not for keeping.
package inspector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// maxKept bounds the events in memory, in bytes.
	maxKept = 64 << 20

	// maxReading bounds the requests whose bodies are in memory at once.
	maxReading = 4

	// DefaultMaxEvents is how many events are kept unless Options say otherwise.
	DefaultMaxEvents = 10_000
)

// Options are what an Inspector is made from.
type Options struct {
	// Listen is the address of the door and the page, such as 127.0.0.1:8089.
	// Whoever reaches it reads the logs.
	Listen string
	// MaxEvents bounds the events that are kept; there are fewer when they have
	// over 64 MiB together. Zero means DefaultMaxEvents.
	MaxEvents int
	Log       *slog.Logger
}

// Inspector takes HEC's events and shows the latest.
type Inspector struct {
	listener net.Listener
	loopback bool
	log      *slog.Logger
	sink     *sink
	reading  chan struct{}
	viewers  atomic.Int32
}

// New listens, so that an address that is taken is known at start. Run serves.
func New(o Options) (*Inspector, error) {
	if o.MaxEvents == 0 {
		o.MaxEvents = DefaultMaxEvents
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("inspector: %s is taken: set inspector.listen", o.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("inspector: %s cannot be listened on: set inspector.listen: %w", o.Listen, err)
	}
	i := &Inspector{
		listener: listener,
		log:      o.Log,
		sink:     newSink(o.MaxEvents, maxKept),
		reading:  make(chan struct{}, maxReading),
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
		i.loopback = tcp.IP.IsLoopback()
	}
	return i, nil
}

// URL is where the page is, as seen from this machine.
func (i *Inspector) URL() string {
	host, port, err := net.SplitHostPort(i.listener.Addr().String())
	if err != nil {
		return "http://" + i.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Handler is the door and the page.
func (i *Inspector) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"", "/1.0", "/event", "/event/1.0"} {
		mux.Handle("/services/collector"+path, i.collect(i.storeEvents))
	}
	mux.Handle("/services/collector/raw", i.collect(i.storeLines))
	mux.Handle("/services/collector/raw/1.0", i.collect(i.storeLines))
	mux.HandleFunc("/services/collector/health", health)
	mux.HandleFunc("/services/collector/health/1.0", health)
	mux.HandleFunc("/services/collector/", notFound)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { write(w, "text/plain; charset=utf-8", "ok\n") })

	mux.Handle("GET /{$}", i.guard(i.page))
	mux.Handle("GET /live", i.guard(i.live))
	mux.Handle("GET /events", i.guard(i.events))
	mux.Handle("GET /events/{number}", i.guard(i.event))
	for name, kind := range assets {
		mux.Handle("GET /"+name, i.guard(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			http.ServeFileFS(w, r, files, "page/"+name)
		}))
	}
	return mux
}

// Run serves until ctx ends; requests that have begun are finished.
func (i *Inspector) Run(ctx context.Context) error {
	const (
		headerPatience   = 10 * time.Second
		transferPatience = time.Minute
		idlePatience     = 2 * time.Minute
		stopPatience     = 5 * time.Second
	)
	if !i.loopback {
		i.log.Warn("the inspector shows all logs to whoever reaches its address", "listen", i.listener.Addr().String())
	}
	server := &http.Server{
		Handler:           i.Handler(),
		ReadHeaderTimeout: headerPatience,
		ReadTimeout:       transferPatience,
		WriteTimeout:      transferPatience,
		IdleTimeout:       idlePatience,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(i.log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(i.listener) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("inspector: %w", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		_ = server.Close() // what is still open has had its time
	}
	if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("inspector: %w", err)
	}
	return nil
}
