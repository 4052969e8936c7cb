package collector

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/ingest/internal/rate"
	"github.com/drainline/drainline/services/internal/hec"
)

// maxMetadata bounds what is kept of one parameter of the query, in bytes.
const maxMetadata = 1 << 10

// request is a POST on its way through the door, under the rules that held when
// it came.
type request struct {
	http     *http.Request
	rules    *rules
	query    url.Values // nil for none
	received time.Time
	// client is the address of the sender, empty if that has none.
	client string
	token  *token
	// foreign says that it was refused for where it comes from.
	foreign bool
}

func (q *request) tokenName() string {
	if q.token == nil {
		return ""
	}
	return q.token.Name
}

func (q *request) bound() *rate.Bound { return q.rules.rates[q.token.Name] }

// parameter is a parameter of the URL's query.
func (q *request) parameter(name string) string { return parcel.Text(q.query.Get(name), maxMetadata) }

// defaults are the metadata that the URL and the token give to lines.
func (q *request) defaults() *drainlinev1.Defaults {
	return hec.LineDefaults(q.token.defaults, q.parameter)
}

// eventDefaults are the defaults of HEC's own events.
func (q *request) eventDefaults() (*drainlinev1.Defaults, error) {
	return hec.EventDefaults(q.token.defaults, q.parameter, q.token.Name, q.client)
}

// channel is the channel of a request to a token that acknowledges, in lower case.
// Some clients send an empty one where they mean none (Splunk's library for Java).
func (q *request) channel() (string, error) {
	channel := strings.ToLower(cmp.Or(q.http.Header.Get("X-Splunk-Request-Channel"), q.query.Get("channel")))
	switch {
	case channel == "":
		return "", refusal(hec.ChannelMissing, "")
	case !isGUID(channel):
		return "", refusal(hec.InvalidChannel, "it is no GUID")
	default:
		return channel, nil
	}
}

// isGUID looks for 8-4-4-4-12 hexadecimal digits in lower case.
func isGUID(s string) bool {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		hexadecimal := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if form[i] == '-' && c != '-' || form[i] == 'x' && !hexadecimal {
			return false
		}
	}
	return true
}
