package shipper

import (
	"reflect"
	"sync/atomic"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/shipper/internal/batch"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

// settings are what a reload replaces, all at once.
type settings struct {
	config   config.Destination
	tokens   map[string]config.Secret // of the HEC door, by name
	indexes  map[string]bool          // that exist; empty is any
	gzip     *batch.Gzip              // nil without compression
	client   *endpoint.Client
	replaced chan struct{} // closed when others are in force
	// taken is half of the smallest request that was refused as too large, in bytes before
	// compression; zero while none was.
	taken atomic.Int64
}

// prepare makes settings and puts nothing in force.
func (d *destination) prepare(c config.Destination, tokens map[string]config.Secret) (*settings, error) {
	s := &settings{config: c, tokens: tokens, replaced: make(chan struct{})}
	for _, name := range c.Indexes {
		if s.indexes == nil {
			s.indexes = map[string]bool{}
		}
		s.indexes[name] = true
	}
	if c.Gzip {
		s.gzip = batch.NewGzip(max(c.GzipLevel, 1))
	}
	if c.Type == config.TypeDiscard {
		c.URLs = nil // a shadow run leaves them alone
	}
	var err error
	s.client, err = endpoint.New(&c, endpoint.Options{
		Channel: d.channel, Version: d.version, Log: d.log, Tracer: d.tracer, Answered: d.meters.answered,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// sheds reports whether events go when the stream is full.
func (s *settings) sheds() bool {
	return s.config.WhenFull == config.FullDropOldest || s.config.WhenFull == config.FullDead
}

// same reports whether settings would be no others.
func (s *settings) same(c config.Destination, tokens map[string]config.Secret) bool {
	return reflect.DeepEqual(s.config, c) && reflect.DeepEqual(s.tokens, tokens)
}

// tokensOf are the tokens of the HEC door, which rules may choose for events.
func tokensOf(c *config.Config) map[string]config.Secret {
	tokens := make(map[string]config.Secret, len(c.Ingest.HEC.Tokens))
	for name, t := range c.Ingest.HEC.Tokens {
		tokens[name] = t.Token
	}
	return tokens
}

// maxBytes bounds a request, in bytes before compression: as configured, or less where
// the destination has said that it is too much (413).
func (s *settings) maxBytes() int {
	configured := int(s.config.Batch.MaxBytes)
	if taken := int(s.taken.Load()); taken > 0 {
		return min(taken, configured)
	}
	return configured
}

// hasRoom reports whether an encoded event of so many bytes fits a body. An empty one takes any.
func (s *settings) hasRoom(b *batch.Body, size int) bool {
	return b.Len() == 0 || b.Size()+size <= s.maxBytes() && b.Len() < s.config.Batch.MaxEvents
}

// smallestRequest is what requests are cut to at most when the destination calls them
// too large, in bytes. One that takes less takes no logs.
const smallestRequest = 1000

// tooLarge remembers that a request of so many bytes was too large.
func (s *settings) tooLarge(size int) {
	half := max(size/2, smallestRequest) //nolint:mnd // halves
	for {
		known := s.taken.Load()
		if known > 0 && half >= int(known) || s.taken.CompareAndSwap(known, int64(half)) {
			return
		}
	}
}
