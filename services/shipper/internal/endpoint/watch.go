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
	w.mu.Lock()
	defer w.mu.Unlock()
	var (
		hold    *HoldError
		refused *RefusedError
	)
	switch {
	case err == nil, errors.As(err, &refused): // what refuses an event works
		w.failures, w.reason = 0, nil
		if w.announced != fine {
			w.announced = fine
			w.log.Info("destination takes events again")
		}
	case errors.As(err, &hold):
		w.failures++
		w.reason = err
		w.announce(held, now)
	default:
		w.failures++
		retry, asked := errors.AsType[*RetryError](err)
		if w.failures > tolerated || asked && retry.After >= longWait {
			w.reason = err
			w.announce(away, now)
		}
	}
}

// announce logs trouble when it begins and when it gets worse. The caller holds mu.
func (w *watch) announce(s severity, now time.Time) {
	if s <= w.announced || w.announced == fine && now.Sub(w.last) < quiet {
		return
	}
	w.announced, w.last = s, now
	if s == held {
		w.log.Error("destination refuses everything, its events are held until that is put right", "error", w.reason)
	} else {
		w.log.Warn("destination does not take events, retrying", "error", w.reason)
	}
}

func (w *watch) trouble() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reason
}
