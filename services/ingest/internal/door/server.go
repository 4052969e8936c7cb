package door

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	headerTime = 10 * time.Second
	// uploadTime covers headers and body. Logplex waits five seconds, so whoever is
	// slower is no Logplex.
	uploadTime = 20 * time.Second
	// idleTime is longer than Logplex keeps a connection that it does not use (about
	// five minutes): a connection that we close costs it one of its three tries.
	idleTime   = 15 * time.Minute
	maxHeaders = 32 << 10
)

// NewServer makes the HTTP server for a door. It speaks HTTP/1.1 as Logplex does.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       uploadTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaders,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
