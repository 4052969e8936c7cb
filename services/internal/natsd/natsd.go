// Package natsd runs a NATS server with JetStream inside the process. It owns
// what JetStream leaves to the operator: the directory is locked, free space is
// watched, and a server that a full disk has broken is restarted in place.
package natsd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	// startTimeout is generous because JetStream reads every block again after
	// a crash: at 100 MB/s this is about 60 GB of backlog.
	startTimeout = 10 * time.Minute
	// connWait is what nats.go allows itself for a TCP dial. It holds the
	// connection's lock meanwhile, so publishers wait with it.
	connWait = 2 * time.Second

	checkInterval = 500 * time.Millisecond
	restartAfter  = 3 * time.Second
)

var (
	errRestarting = errors.New("the embedded NATS server is restarting")
	errShutDown   = errors.New("the embedded NATS server is shut down")
)

// Options say where an embedded server keeps its data and how carefully.
type Options struct {
	// Key is the section of the configuration that the server is set in, for errors.
	// Default: bus.embedded.
	Key string
	// Dir is the data directory. It is created (0700) when missing.
	Dir string
	// SyncAlways makes every write wait for fsync; otherwise the server syncs
	// ten times a second, and a power cut may cost what lies between.
	SyncAlways bool
	// Listen is the host:port for other processes; empty serves this one only.
	Listen string
	// Socket lets other processes of the same user in by the data directory (see Socket).
	Socket bool
	// MaxBytes bounds Capacity; 0 leaves it to the disk.
	MaxBytes int64
	// EncryptionKey encrypts what is written (XChaCha20); empty is no encryption. A
	// directory that holds streams without it, or with another, is refused.
	EncryptionKey string
	Log           *slog.Logger

	// MinFree is the free space in bytes below which Healthy fails. Default:
	// 64 MiB or 2 % of the disk, whichever is more.
	MinFree int64
	// CheckInterval is the time between two looks at disk and server. Default 500 ms.
	CheckInterval time.Duration
	// RestartAfter is how long JetStream may be unavailable, on a disk with
	// space, before the server is restarted. Default 3 s.
	RestartAfter time.Duration
}

// Server is a running embedded NATS server. Its methods may be called at any
// time from any goroutine.
type Server struct {
	opts        Options
	capacity    int64
	addr        string
	lock        *dirLock
	running     sync.WaitGroup // NATS servers that may still write to the directory
	stop        context.CancelFunc
	guarded     chan struct{} // closed when the guard has ended
	closing     chan struct{} // closed by Shutdown
	writeFailed chan struct{} // wakes the guard
	once        sync.Once
	socket      *socket // nil without Options.Socket

	mu      sync.Mutex
	current *instance     // nil while there is none
	ready   chan struct{} // closed when current is set
	trouble error
}

// Start locks the data directory, starts the server on it and returns when its
// streams are recovered. ctx bounds the start only. Every error is one sentence
// that says what to do.
func Start(ctx context.Context, o Options) (*Server, error) {
	o.Key = cmp.Or(o.Key, "bus.embedded")
	dir := directory{path: o.Dir, key: o.Key + ".dir"}
	d, err := dir.prepare(o.MinFree)
	if err != nil {
		return nil, err
	}
	lock, err := dir.lock()
	if err != nil {
		return nil, err
	}
	o.MinFree = d.floor(o.MinFree)
	o.CheckInterval = cmp.Or(o.CheckInterval, checkInterval)
	o.RestartAfter = cmp.Or(o.RestartAfter, restartAfter)
	s := &Server{
		opts:        o,
		addr:        o.Listen,
		lock:        lock,
		guarded:     make(chan struct{}),
		closing:     make(chan struct{}),
		ready:       make(chan struct{}),
		writeFailed: make(chan struct{}, 1),
	}
	startCtx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if s.capacity, err = dir.capacity(d, o.MaxBytes); err == nil {
		err = dir.checkKey(o.Key, o.EncryptionKey)
	}
	if err == nil {
		err = s.begin(startCtx)
	}
	if err != nil {
		return nil, errors.Join(err, s.abandon(startCtx))
	}
	if o.Socket {
		if s.socket, err = s.listenSocket(ctx); err != nil {
			s.halt()
			return nil, errors.Join(err, s.abandon(startCtx))
		}
	}
	guardCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	g := &guard{server: s}
	g.check(guardCtx, time.Now())
	go func() {
		defer close(s.guarded)
		g.run(guardCtx)
	}()
	return s, nil
}

// InProcessConn returns a connection to the current server. nats.go asks for
// one on every reconnect (nats.InProcessConnProvider), so clients follow a
// restart; while one is under way it waits up to two seconds.
func (s *Server) InProcessConn() (net.Conn, error) {
	timer := time.NewTimer(connWait)
	defer timer.Stop()
	for {
		select {
		case <-s.closing:
			return nil, errShutDown
		default:
		}
		ns, ready := s.serving()
		if ns != nil {
			conn, err := ns.InProcessConn()
			if err != nil {
				return nil, fmt.Errorf("connecting to the embedded NATS server: %w", err)
			}
			return conn, nil
		}
		select {
		case <-ready:
		case <-s.closing:
		case <-timer.C:
			if err := s.Healthy(); err != nil {
				return nil, err
			}
			return nil, errRestarting
		}
	}
}

// Capacity is how many bytes the streams may take together: 70 % of the free
// disk and what the directory already holds, at most Options.MaxBytes. It is
// settled at start.
func (s *Server) Capacity() int64 { return s.capacity }

// Addr is the host:port the server listens on, "" when it serves this process only.
func (s *Server) Addr() string { return s.addr }

// Healthy is nil when publishing can work, else a sentence that says why not.
// It is as old as Options.CheckInterval at most.
func (s *Server) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// Shutdown stops the server, closes its connections and unlocks the directory.
// It returns when nothing writes there any more.
func (s *Server) Shutdown() {
	s.once.Do(func() {
		close(s.closing)
		s.stop()
		<-s.guarded
		s.halt()
		s.setTrouble(errShutDown)
		if s.socket != nil {
			if err := s.socket.close(); err != nil {
				s.opts.Log.Warn("the operator's socket is not closed", "err", err)
			}
		}
		if err := s.release(); err != nil {
			s.opts.Log.Error("data directory is not unlocked", "err", err)
		}
	})
}

// begin brings the first server up.
func (s *Server) begin(ctx context.Context) error {
	if err := checkListen(ctx, s.addr); err != nil {
		return err
	}
	if err := s.launch(ctx); err != nil {
		return err
	}
	if s.addr != "" {
		s.addr = s.current.Addr().String() // a port that was 0 stays the same from now on
	}
	return nil
}

// abandon releases the lock once no server writes to the directory any more.
// After a start that ctx cut short that can take as long as recovery does, so
// then it happens behind the caller's back.
func (s *Server) abandon(ctx context.Context) error {
	if ctx.Err() == nil {
		return s.release()
	}
	go func() {
		if err := s.release(); err != nil {
			s.opts.Log.Error("data directory is not unlocked", "err", err)
		}
	}()
	return nil
}

func (s *Server) release() error {
	s.running.Wait()
	return s.lock.release()
}

func (s *Server) serving() (*instance, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, s.ready
}

func (s *Server) setTrouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = err
}
