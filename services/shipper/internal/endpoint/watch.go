package endpoint

import (
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// tolerated is how many tries in a row may fail for passing reasons before
	// that is called trouble: single 503s are everyday life.
	tolerated = 2
	// longWait is a Retry-After that people should hear of at once.
	longWait = 30 * time.Second
	// quiet keeps a URL that comes and goes from filling the log: that long after
	// a line about trouble there is no other.
	quiet = time.Minute
)

// watch follows whether one URL takes events, and tells the log when that changes.
type watch struct {
	log *slog.Logger

	mu        sync.Mutex
	failures  int   // in a row
	reason    error // set while in trouble
	announced severity
	last      time.Time // of the last announcement
}

type severity int

const (
	fine severity = iota
	away          // it will be back without anybody's help
	held          // somebody has to put something right
)

// note takes the outcome of one try.
func (w *watch) note(err error, now time.Time) {
	_, refused := errors.AsType[*RefusedError](err)
	_, hold := errors.AsType[*HoldError](err)
	retry, ok := errors.AsType[*RetryError](err)
	switch {
	case err == nil, refused: // what refuses an event works
		w.fine()
	case hold:
		w.trouble(err, held, 0, now)
	case ok && retry.After >= longWait:
		w.trouble(err, away, 0, now)
	default:
		w.trouble(err, away, tolerated, now)
	}
}

func (w *watch) fine() {
	w.mu.Lock()
	back := w.announced != fine
	w.failures, w.reason, w.announced = 0, nil, fine
	w.mu.Unlock()
	if back {
		w.log.Info("URL takes events again")
	}
}

// trouble takes a failure. It is logged when trouble begins, after so many failures in a
// row, and when it gets worse.
func (w *watch) trouble(reason error, s severity, tolerated int, now time.Time) {
	w.mu.Lock()
	w.failures++
	loud := false
	if w.failures > tolerated {
		w.reason = reason
		if loud = s > w.announced && (w.announced != fine || now.Sub(w.last) >= quiet); loud {
			w.announced, w.last = s, now
		}
	}
	w.mu.Unlock()
	switch {
	case !loud:
	case s == held:
		w.log.Error("URL refuses everything, which is tried again until that is put right", "error", reason)
	default:
		w.log.Warn("URL does not take events, which are sent elsewhere or again", "error", reason)
	}
}

// why is why the URL takes nothing, nil while it does.
func (w *watch) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reason
}
