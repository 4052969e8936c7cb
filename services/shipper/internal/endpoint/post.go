package endpoint

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

// post is one try at one URL.
func (c *Client) post(ctx context.Context, t *target, r *Request) (Receipt, outcome, error) {
	if c.ack == config.AckOn || c.ack == config.AckAuto {
		return c.postForAck(ctx, t, r)
	}
	header, foreign := c.headers.of(r), c.isForeign(r.Token)
	if foreign {
		header = header.Clone()
		header["Authorization"] = []string{"Splunk " + r.Token.Reveal()}
	}
	transport := t.lines.take(c.now())
	defer t.lines.release(transport)
	ask := call{method: http.MethodPost, url: t.place(r), header: header, data: r.Body}
	o := ask.do(ctx, transport, c.timeout)
	o.foreign = foreign
	if isTired(o.status) {
		t.lines.renew(c.now())
	}
	answer, err := classify(t.base, &o, false, c.now())
	return Receipt{Answer: answer, Took: o.took}, o, err
}

// postForAck is a try on a session. One without an answer takes no further request: its
// connection is gone, or hangs.
func (c *Client) postForAck(ctx context.Context, t *target, r *Request) (Receipt, outcome, error) {
	token := cmp.Or(r.Token, c.token)
	s := t.sessions.take(token)
	ask := func() outcome {
		return s.send(ctx, &call{method: http.MethodPost, url: t.place(r), header: s.headers.of(r), data: r.Body})
	}
	o := ask()
	if errors.Is(o.err, errGone) {
		s.Retire()
		s = c.newSession(t, token)
		o = ask()
	}
	defer func() { t.sessions.give(s) }()
	answer, err := classify(t.base, &o, c.ack == config.AckOn, c.now())
	if o.err != nil || answer.Code == hec.AckFull || isTired(o.status) && t.lines.renew(c.now()) {
		s.Retire()
	}
	receipt := Receipt{Answer: answer, Took: o.took}
	if err == nil && answer.AckID >= 0 {
		receipt.Session = s
		s.gave(answer.AckID)
		if s.Confused() {
			s.Retire()
			t.sessions.scatter()
		}
	}
	return receipt, o, err
}

// isTired reports whether a status, of a collector or of what stands before it, lets one
// hope for another behind a new connection.
func isTired(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
