package collector

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/ingest/internal/rate"
	"github.com/drainline/drainline/services/internal/hec"
)

// Settings are what may change while the door is open.
type Settings struct {
	// Tokens let clients in; without any, nobody comes in.
	Tokens []Token
	// TrustedProxies tell the truth in X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// Hold is how long a request may wait to be stored, from the end of its upload;
	// it is half a second at least. Clients of HEC wait ten seconds and more.
	Hold time.Duration
	// MaxBody bounds a body, and Compressed a gzip as it is sent, in bytes.
	MaxBody, Compressed int64
	// MaxEvent bounds an event, in bytes of JSON, MaxEvents the envelopes of a body,
	// and MaxDepth the nesting of an envelope. Lines of raw bodies are cut into pieces
	// of MaxEvent bytes.
	MaxEvent, MaxEvents, MaxDepth int
	// Requests is how many may be worked on at a time.
	Requests int
	// Upload is how long a body may take, and as long it may wait to begin: Splunk
	// waits for more than half a minute.
	Upload time.Duration
}

// Token is one of Splunk's HEC tokens, with what inputs.conf can say of it.
type Token struct {
	// Name is all that is stored or shown of it.
	Name   string
	Secret string
	// Disabled tokens are refused, and clients are told why.
	Disabled bool
	// Index, Source, Sourcetype and Host are for events that name none.
	Index, Source, Sourcetype, Host string
	// Indexes are those that events may name, besides Index. None is any.
	Indexes []string
	// Fields are indexed fields for all events.
	Fields map[string]string
	// Allow are the networks of clients. None is any.
	Allow []netip.Prefix
	// Ack gives each request an ackId (useACK).
	Ack bool
	// QueryAuth also takes the token as a parameter of the URL (allowQueryStringAuth).
	QueryAuth bool
	// SplitArrays makes an event that is an array of objects one event each.
	SplitArrays bool
	Rate        config.Rate
}

// FromConfig are the settings of a configuration. It fails on networks that are
// none, which a valid configuration does not have.
func FromConfig(c *config.Config) (Settings, error) {
	h := c.Ingest.HEC
	proxies, err := prefixes("ingest.hec.trusted_proxies", h.TrustedProxies)
	if err != nil {
		return Settings{}, err
	}
	s := Settings{
		TrustedProxies: proxies, Hold: c.Ingest.Hold,
		MaxBody: int64(h.MaxBody), Compressed: int64(h.Limits.Compressed),
		MaxEvent: int(h.MaxEvent), MaxEvents: h.MaxEvents, MaxDepth: h.MaxDepth,
		Requests: h.Limits.Requests, Upload: h.Limits.Upload,
	}
	for _, name := range slices.Sorted(maps.Keys(h.Tokens)) {
		t := h.Tokens[name]
		allow, err := prefixes("ingest.hec.tokens."+name+".allow", t.Allow)
		if err != nil {
			return Settings{}, err
		}
		s.Tokens = append(s.Tokens, Token{
			Name: name, Secret: t.Token.Reveal(), Disabled: t.Disabled,
			Index: t.Index, Source: t.Source, Sourcetype: t.Sourcetype, Host: t.Host,
			Indexes: t.Indexes, Fields: t.Fields, Allow: allow,
			Ack: t.Ack, QueryAuth: t.QueryStringAuth, SplitArrays: t.SplitArrays, Rate: t.Rate,
		})
	}
	return s, nil
}

// prefixes reads networks, and addresses as networks of one.
func prefixes(key string, texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, addressErr := netip.ParseAddr(text)
			if addressErr != nil {
				return nil, fmt.Errorf("%s: %q is neither a network nor an address: %w", key, text, err)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// rules are Settings as requests need them.
type rules struct {
	Settings

	tokens []token
	rates  rate.Bounds
}

func (s Settings) rules(rates rate.Bounds) *rules {
	r := &rules{Settings: s}
	r.Hold = max(s.Hold, parcel.LeastHold)
	bounds := make(map[string]config.Rate, len(s.Tokens))
	for _, t := range s.Tokens {
		r.tokens = append(r.tokens, newToken(t))
		bounds[t.Name] = t.Rate
	}
	r.rates = rates.Next(bounds)
	return r
}

func (r *rules) bodyLimits() body.Limits {
	return body.Limits{Compressed: r.Compressed, Inflated: r.MaxBody, Upload: r.Upload, First: r.Upload}
}

func (r *rules) queryLimits() body.Limits {
	return body.Limits{Compressed: maxQuery, Inflated: maxQuery, Upload: r.Upload, First: r.Upload}
}

func (r *rules) eventLimits() hec.Limits {
	return hec.Limits{MaxEvent: r.MaxEvent, MaxEvents: r.MaxEvents, MaxDepth: r.MaxDepth}
}
