package natsd

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// writeErrorMark is in what nats-server logs when a store refuses all writes
// from now on. There is no other sign when the failed write was an ack's.
const writeErrorMark = "critical write error"

// serverLog passes what one NATS server says on to slog. Its notices are of no
// interest to an operator of drainline; its fatal errors must not end the
// process, as its own logger would: those of a start become Start's error.
type serverLog struct {
	log  *slog.Logger
	wake chan<- struct{} // told of the first write error

	mu      sync.Mutex
	running bool
	fatal   error
	write   error
}

func (l *serverLog) Fatalf(format string, v ...any) {
	if err := fmt.Errorf(format, v...); !l.keep(err) { //nolint:err113 // nats-server's own words
		l.log.Error(err.Error(), "from", "nats-server")
	}
}

func (l *serverLog) Errorf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	l.log.Error(line, "from", "nats-server")
	if !strings.Contains(strings.ToLower(line), writeErrorMark) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.write == nil {
		l.write = errors.New(line)
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *serverLog) Warnf(format string, v ...any) {
	l.log.Warn(fmt.Sprintf(format, v...), "from", "nats-server")
}

func (l *serverLog) Noticef(format string, v ...any) {
	l.log.Debug(fmt.Sprintf(format, v...), "from", "nats-server")
}

// Debugf and Tracef are for nats-server's own development and are off.
func (*serverLog) Debugf(string, ...any) {}
func (*serverLog) Tracef(string, ...any) {}

// started ends the start: it returns the first fatal error so far, and later
// ones are logged.
func (l *serverLog) started() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = true
	return l.fatal
}

// writeError is why a store takes no more writes, nil while all do.
func (l *serverLog) writeError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write
}

// keep notes a fatal error of the start, and says whether it was one.
func (l *serverLog) keep(err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running {
		return false
	}
	if l.fatal == nil {
		l.fatal = err
	}
	return true
}
