package endpoint

import (
	"net/http"

	"github.com/drainline/drainline/config"
)

// headers are those of the requests with one token on one channel. All requests share
// them, so nobody writes to them.
type headers struct {
	events [2]http.Header // plain and compressed
	raw    [2]http.Header
}

func newHeaders(version, channel string, token config.Secret) *headers {
	of := func(contentType, encoding string) http.Header {
		h := http.Header{
			"Authorization":            {"Splunk " + token.Reveal()},
			"Content-Type":             {contentType},
			"User-Agent":               {userAgent(version)},
			"X-Splunk-Request-Channel": {channel},
			// These names are sent as they are: Splunk's apps look for the underscores.
			"__splunk_app_name":    {"drainline"},
			"__splunk_app_version": {version},
		}
		if encoding != "" {
			h["Content-Encoding"] = []string{encoding}
		}
		return h
	}
	const events, raw = "application/json", "text/plain"
	return &headers{
		events: [2]http.Header{of(events, ""), of(events, "gzip")},
		raw:    [2]http.Header{of(raw, ""), of(raw, "gzip")},
	}
}

func (h *headers) of(r *Request) http.Header {
	kind := &h.events
	if r.Raw {
		kind = &h.raw
	}
	if r.Gzip {
		return kind[1]
	}
	return kind[0]
}

// query is for what is not about events: acknowledgement, probes.
func (h *headers) query() http.Header { return h.events[0] }

func userAgent(version string) string { return "drainline/" + version }
