package shipper

import (
	"net/url"
	"strings"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

// key is what the events of one request share. Only the raw endpoint has metadata: it
// takes them by query, for all events of a request.
type key struct {
	token                           string // its name; empty is the destination's
	raw                             bool
	host, source, sourcetype, index string
}

// kept is the key for keeps: its text may point into a message.
func (k *key) kept() key {
	return key{
		token: strings.Clone(k.token), raw: k.raw, host: strings.Clone(k.host), source: strings.Clone(k.source),
		sourcetype: strings.Clone(k.sourcetype), index: strings.Clone(k.index),
	}
}

// query is the metadata as the raw endpoint takes it.
func (k *key) query() string {
	if !k.raw {
		return ""
	}
	values := url.Values{}
	for name, value := range map[string]string{"host": k.host, "source": k.source, "sourcetype": k.sourcetype, "index": k.index} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values.Encode()
}

// encoder makes of events what goes to the destination. It is for one goroutine.
type encoder struct {
	settings *settings
	keep     *hec.FieldFilter
	encoded  []byte
	wanted   string // index of the last event that went to another
}

func newEncoder(s *settings) *encoder {
	n := &encoder{settings: s}
	if s.config.IndexedFields != nil {
		// What says what was done to an event is not for a list to leave out.
		n.keep = hec.NewFieldFilter(append([]string{wantedIndex, hec.TruncatedFrom}, s.config.IndexedFields...))
	}
	return n
}

// wantedIndex is the indexed field with the index that an event was for which went to
// another.
const wantedIndex = "wanted_index"

// examine finds what is wrong with an event before it is sent: nothing, mostly. It
// changes an event for which the settings say so.
func (n *encoder) examine(e *wire.Event) flaw {
	c := &n.settings.config
	if len(n.settings.indexes) > 0 && e.Index != "" && !n.settings.indexes[e.Index] {
		switch c.OnUnknownIndex {
		case config.IndexSend:
		case config.IndexFallback:
			n.wanted = e.Index
			fallBack(e, c.FallbackIndex)
			return unknownIndex
		case config.IndexPark:
			return parkingIndex
		default:
			return deadIndex
		}
	}
	if c.MaxEvent > 0 && hec.Larger(e, int(c.MaxEvent)) {
		if c.OnLargeEvent != config.LargeTruncate {
			return deadlySize
		}
		hec.Truncate(e, int(c.MaxEvent))
	}
	return flawless
}

// flaw is what is wrong with an event.
type flaw int

const (
	flawless     flaw = iota
	unknownIndex      // and it goes to another
	deadIndex
	parkingIndex
	deadlySize
)

// fallBack sends an event to another index and keeps the name of the one it was for.
func fallBack(e *wire.Event, index string) {
	fields := make([]wire.Field, 0, len(e.Fields)+1)
	e.Fields = append(append(fields, e.Fields...), wire.Field{Name: wantedIndex, JSON: hec.AppendString(nil, []byte(e.Index))})
	e.Index = index
}

// keyOf is the request that an event goes into.
func (n *encoder) keyOf(token string, e *wire.Event) key {
	if n.settings.config.Endpoint != config.EndpointRaw || hec.IsMetric(e) {
		return key{token: token}
	}
	return key{token: token, raw: true, host: e.Host, source: e.Source, sourcetype: e.Sourcetype, index: e.Index}
}

// encode returns the event as it goes into a request of that key, until the next call.
func (n *encoder) encode(e *wire.Event, raw bool) []byte {
	const kept = 1 << 20 // a rare larger event must not hold its memory for ever
	if cap(n.encoded) > kept {
		n.encoded = nil
	}
	if raw {
		n.encoded = hec.AppendRaw(n.encoded[:0], e)
	} else {
		n.encoded = hec.AppendEventWith(n.encoded[:0], e, n.keep)
	}
	return n.encoded
}
