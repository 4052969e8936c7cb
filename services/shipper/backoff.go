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

// pause waits, and reports whether to go on: not when draining. A replaced configuration
// and a change of parking, where they can matter, end the wait early.
func pause(wait time.Duration, draining, replaced, parking <-chan struct{}) bool {
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
	case <-replaced:
		return true
	case <-parking:
		return true
	case <-draining:
		return false
	}
}
