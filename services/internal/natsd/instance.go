package natsd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	syncInterval = 100 * time.Millisecond
	// readyTimeout is a formality: a server whose Start has returned is ready.
	readyTimeout = 5 * time.Second
	// maxMemory is for JetStream's memory streams, of which there are none; 0
	// would mean three quarters of the machine.
	maxMemory = 1 << 20
	// maxStore is out of reach on purpose. Every stream has its own max_bytes
	// out of Capacity and the guard watches the disk; a limit of the server's
	// own would only refuse to shrink streams after the disk has become smaller.
	maxStore = 1 << 60
)

// instance is one NATS server between two restarts.
type instance struct {
	*server.Server

	log *serverLog
}

// launch starts a NATS server on the directory and makes it the current one.
func (s *Server) launch(ctx context.Context) error {
	opts, err := s.serverOptions()
	if err != nil {
		return err
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("embedded NATS server: %w", err)
	}
	log := &serverLog{log: s.opts.Log, wake: s.writeFailed}
	ns.SetLoggerV2(log, false, false, false)
	started := make(chan struct{})
	s.running.Add(1)
	go func() {
		defer close(started)
		ns.Start()
	}()
	select {
	case <-started:
	case <-ctx.Done():
		// Stopping a server that is still recovering is not safe.
		go func() {
			<-started
			s.quit(ns)
		}()
		return fmt.Errorf("embedded NATS server was still recovering %s: %w", s.opts.Dir, context.Cause(ctx))
	}
	if err := startError(ns, log); err != nil {
		s.quit(ns)
		return fmt.Errorf("embedded NATS server does not start on %s: %w", s.opts.Dir, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = &instance{Server: ns, log: log}
	close(s.ready)
	return nil
}

func startError(ns *server.Server, log *serverLog) error {
	if err := log.started(); err != nil {
		return err
	}
	if !ns.ReadyForConnections(readyTimeout) {
		return errors.New("it accepts no connections")
	}
	if !ns.JetStreamEnabled() {
		return errors.New("JetStream is disabled")
	}
	return nil
}

// halt takes the current server down, if there is one.
func (s *Server) halt() {
	s.mu.Lock()
	ns := s.current
	if ns != nil {
		s.current, s.ready = nil, make(chan struct{})
	}
	s.mu.Unlock()
	if ns != nil {
		s.quit(ns.Server)
	}
}

func (s *Server) quit(ns *server.Server) {
	ns.Shutdown()
	ns.WaitForShutdown()
	s.running.Done()
}

// serverOptions are made anew for each server: it writes into them.
func (s *Server) serverOptions() (*server.Options, error) {
	o := &server.Options{
		ServerName:             "drainline",
		NoSigs:                 true,
		DontListen:             s.addr == "",
		JetStream:              true,
		StoreDir:               s.opts.Dir,
		JetStreamMaxMemory:     maxMemory,
		JetStreamMaxStore:      maxStore,
		SyncAlways:             s.opts.SyncAlways,
		DisableJetStreamBanner: true,
		// Whoever listens without reading, such as a tap that was put to sleep, misses
		// messages; nobody who publishes waits for him.
		NoFastProducerStall: true,
	}
	if s.opts.EncryptionKey != "" {
		o.JetStreamKey, o.JetStreamCipher = s.opts.EncryptionKey, server.ChaCha
	}
	if !o.SyncAlways { // otherwise nothing is left for the timer to sync
		o.SyncInterval = syncInterval
	}
	if o.DontListen {
		return o, nil
	}
	host, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return nil, fmt.Errorf("bus.embedded.listen %s: %w", s.addr, err)
	}
	o.Host = host
	if o.Port, err = strconv.Atoi(port); err != nil {
		return nil, fmt.Errorf("bus.embedded.listen %s: %w", s.addr, err)
	}
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT // 0 would be 4222
	}
	return o, nil
}

// checkListen tells a taken port before the streams are recovered, which can
// take minutes and comes first in the server's own start.
func checkListen(ctx context.Context, addr string) error {
	if addr == "" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("bus.embedded.listen %s is taken: stop what listens there or choose another port", addr)
	}
	if err != nil {
		return fmt.Errorf("bus.embedded.listen %s: %w", addr, err)
	}
	if err := l.Close(); err != nil {
		return fmt.Errorf("bus.embedded.listen %s: %w", addr, err)
	}
	return nil
}
