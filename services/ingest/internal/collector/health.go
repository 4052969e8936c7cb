package collector

import (
	"errors"
	"net/http"

	"github.com/drainline/drainline/services/internal/hec"
)

// health answers load balancers and clients that ask before they send. Nobody needs
// a token for it. One that is wrong is told: Kafka Connect takes the door out of
// its list until it is right.
func (c *Collector) health(r *http.Request) hec.Code {
	_, err := c.rules.Load().admit(r)
	refused, _ := errors.AsType[*hec.RefusedError](err)
	switch {
	case refused == nil, refused.Code == hec.TokenRequired, refused.Code == hec.QueryAuthDisabled:
		return c.condition()
	case refused.Code == hec.TokenDisabled:
		return hec.HealthTokenDisabled
	default:
		return hec.HealthInvalidToken
	}
}

// life answers load balancers that know nothing of HEC. While nothing can be
// stored they send on: no other instance could do better, and a drain loses less
// with a request that is held than with a proxy's own refusal.
func (c *Collector) life() hec.Code {
	if c.draining.Load() || c.Stopping() != nil {
		return hec.ShuttingDown
	}
	return hec.Healthy
}

// condition answers those that know HEC's codes.
func (c *Collector) condition() hec.Code {
	switch life := c.life(); {
	case life != hec.Healthy:
		return life
	case c.Trouble() != nil:
		return hec.QueuesFull
	default:
		return hec.Healthy
	}
}
