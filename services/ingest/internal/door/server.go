package door

import (
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/drainline/drainline/config"
)

const (
	headerTime = 10 * time.Second
	// answerTime is what an answer may take after the upload: more than the longest
	// hold.
	answerTime = 10 * time.Second
	// idleTime is longer than Logplex keeps a connection that it does not use (about
	// five minutes): a connection that we close costs it one of its three tries.
	idleTime = 15 * time.Minute
)

// Server is the HTTP server for a door. It speaks HTTP/1.1 as Logplex does, and
// accepts no more connections than it can have open.
type Server struct {
	*http.Server

	slots chan struct{}
	open  sync.WaitGroup
}

// NewServer makes a Server within limits, of which the requests and bodies are
// the handler's.
func NewServer(h http.Handler, logger *slog.Logger, limits config.Limits) *Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	s := &Server{slots: make(chan struct{}, limits.Connections)}
	s.Server = &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       limits.Upload,
		WriteTimeout:      limits.Upload + answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    int(limits.Header),
		ConnState:         s.track,
		ErrorLog:          log.New(&complaints{log: logger}, "", 0),
	}
	return s
}

// Wait returns when every connection is closed and its handler has ended. It is
// called after Serve has returned.
func (s *Server) Wait() { s.open.Wait() }

// Connections is how many are open.
func (s *Server) Connections() int64 { return int64(len(s.slots)) }

// track holds up net/http's loop of accepting while no slot is free: it reports
// a new connection before it accepts the next.
func (s *Server) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.slots <- struct{}{}
		s.open.Add(1)
	case http.StateClosed:
		s.open.Done()
		<-s.slots
	case http.StateActive, http.StateIdle, http.StateHijacked:
	}
}
