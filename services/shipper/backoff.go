package shipper

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

// backoff is how long to wait after the try-th try (counted from 0) failed with
// err: exponential with full jitter, but no shorter than the collector asked for.
func backoff(r config.Retry, try int, err error) time.Duration {
	ceiling := r.Initial
	for ; try > 0 && ceiling < r.Max; try-- {
		ceiling *= 2
	}
	wait := jitter(min(ceiling, r.Max))
	if retry, ok := errors.AsType[*endpoint.RetryError](err); ok {
		wait = max(wait, retry.After)
	}
	return wait
}

func jitter(most time.Duration) time.Duration {
	return rand.N(max(most, 0) + 1) //nolint:gosec // jitter needs no secrecy
}

// pause waits, and reports whether to go on: not when draining. What else may matter
// meanwhile ends the wait early.
func pause(wait time.Duration, draining <-chan struct{}, early ...<-chan struct{}) bool {
	const most = 2
	var may [most]<-chan struct{}
	copy(may[:], early)
	select {
	case <-draining:
		return false
	default:
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-may[0]:
		return true
	case <-may[1]:
		return true
	case <-draining:
		return false
	}
}
