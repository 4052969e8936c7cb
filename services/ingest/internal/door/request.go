package door

import (
	"net/http"
	"slices"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/ingest/internal/trace"
)

// request is a POST on its way through the door, under the rules that held when
// it came.
type request struct {
	Sender

	http     *http.Request
	rules    *rules
	who      identity
	query    map[string]string
	received time.Time
	// unknown says that the drain should be listed, and is not.
	unknown bool
	// over says that the sender is over its rate.
	over bool
}

func newRequest(r *http.Request, rules *rules, s Sender) *request {
	who := identify(s.Credential, r.Header)
	trace.Note(r, s.Credential, who.drainToken)
	return &request{
		Sender: s, http: r, rules: rules, who: who,
		query: rules.query(r.URL), received: time.Now(), unknown: rules.unknown(who.drainToken),
	}
}

// note marks the request for rules to see. The sender's marks may be shared.
func (q *request) note(mark string) { q.Marks = append(slices.Clip(q.Marks), mark) }

// named is the app that the request names itself, in the order of
// identity.app_from. Its frames may each name another: transform sees to that.
func (q *request) named() string {
	for _, from := range q.rules.AppFrom {
		app := ""
		switch from {
		case config.AppFromDrain:
			app = q.rules.Drains[q.who.drainToken]
		case config.AppFromPath:
			app = q.App
		case config.AppFromQuery:
			app = q.query[wire.QueryApp]
		}
		if app != "" {
			return app
		}
	}
	return ""
}

// maySpeak reports whether the sender may speak for the app that the request names.
func (q *request) maySpeak() bool {
	if len(q.Apps) == 0 {
		return true
	}
	app := q.named()
	return app == "" || slices.Contains(q.Apps, app)
}

// parcel is the request with its body as it goes on the bus.
func (q *request) parcel(body []byte, frames, framed int) *parcel.Parcel {
	id, repeatable := q.who.id(body)
	p := &parcel.Parcel{
		Shard: q.who.shard(), Ordered: q.rules.Joined[q.who.drainToken], Repeatable: repeatable, Parts: cut(id, body, frames, framed),
	}
	facts, traced := q.facts(), trace.Of(q.http)
	for i := range p.Parts {
		m := p.Parts[i].Request
		m.Door, m.Defaults, m.Marks = q.Door, q.Defaults, q.Marks
		m.Credential, m.DrainToken, m.FrameId, m.RequestId = q.who.credential, q.who.drainToken, q.who.frameID, q.who.requestID
		m.Facts, m.Query, m.Trace = facts, q.query, traced
		m.ReceivedNs = q.received.UnixNano()
	}
	return p
}
