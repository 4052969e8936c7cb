package collector

import (
	"net/http"
	"strings"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/door"
)

// fromLogplex says whether a request is a Heroku drain's. Many post to Splunk as
// it is, framing and all.
func fromLogplex(h http.Header) bool {
	if door.IsLogplex(h) {
		return true
	}
	for name := range h {
		if strings.HasPrefix(name, "Logplex-") {
			return true
		}
	}
	return false
}

// sender is the request's for the Logplex door. Drains are not refused for an
// index, which would lose their logs: the URL's is left out, and that is noted.
func (q *request) sender() door.Sender {
	s := door.Sender{
		Credential: q.token.Name, Door: drainlinev1.Door_DOOR_HEC, RemoteAddr: q.client, Defaults: q.defaults(), Rate: q.bound(),
	}
	if !q.token.mayWrite(s.Defaults.GetIndex()) {
		s.Defaults.Index = q.token.Index
		s.Marks = []string{wire.MarkStrayIndex}
	}
	return s
}
