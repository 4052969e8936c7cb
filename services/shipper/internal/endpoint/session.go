package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

// Session is one channel to one URL, over one connection and with cookies of its
// own, so that a load balancer leads its requests and its questions to one indexer.
// A session outlives the Client that made it: what was sent on it can be asked for
// after a reload.
//
// A session has one request in flight at a time, and is used for five minutes or so.
// Splunk forgets a channel that is idle for ten (inputs.conf: maxIdleTime). It takes no
// request once its connection is gone: over another it might come to another indexer, or
// to one that has restarted, which would give ackIds out again.
type Session struct {
	base      string
	token     config.Secret
	foreign   bool // the token is another than the destination's
	ack       *url.URL
	headers   *headers
	transport *http.Transport
	timeout   time.Duration
	now       func() time.Time
	until     time.Time // when it has served long enough

	jar      http.CookieJar
	cookies  atomic.Bool // the jar has some
	dialled  atomic.Bool
	confused atomic.Bool

	mu      sync.Mutex
	last    int64 // ackId; -1 before the first
	pending bool  // ackIds were given that may still be asked for
	retired bool
}

// newSession makes a session for a token at a URL.
func (c *Client) newSession(t *target, token config.Secret) *Session {
	jar, _ := cookiejar.New(nil) // never fails
	channel := NewChannel()
	ack := *t.ack
	ack.RawQuery = "channel=" + channel
	s := &Session{
		base: t.base, token: token, foreign: c.isForeign(token), ack: &ack, headers: newHeaders(c.version, channel, token),
		timeout: c.timeout, now: c.now, until: c.now().Add(jitter(lifetime)), jar: jar, last: -1,
	}
	s.transport = c.transports.single(func(ctx context.Context, network, address string) (net.Conn, error) {
		if s.dialled.Swap(true) && ctx.Value(sending{}) != nil {
			return nil, errGone
		}
		return c.transports.dial.dial(ctx, network, address)
	})
	return s
}

// errGone says that a session's connection is gone.
var errGone = errors.New("the session's connection is gone")

// sending marks the context of a request that may not go over a second connection, as
// questions may.
type sending struct{}

// send makes a call with events. It fails with errGone, and has then sent nothing.
func (s *Session) send(ctx context.Context, c *call) outcome {
	return s.do(context.WithValue(ctx, sending{}, true), c)
}

// Confused says that the collector has begun to count this channel's ackIds anew: it
// has started again, or several indexers answer in turn. Nothing that was sent on it
// can be asked for any more.
func (s *Session) Confused() bool { return s.confused.Load() }

// Ask asks which of these ackIds are acknowledged, 1000 at a time at most. Splunk says
// so once. Any error means that nothing is known: a *RetryError, or a *HoldError where
// acknowledgement is refused (code 14), or ctx's error when ctx ended.
func (s *Session) Ask(ctx context.Context, ids []int64) (acked []int64, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	o := s.do(ctx, &call{method: http.MethodPost, url: s.ack, header: s.headers.query(), data: hec.AppendAckQuery(nil, ids)})
	s.letGo()
	if o.err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", s.base, o.err)
	}
	acked, err = classifyAcks(s.base, &o, s.now())
	if err != nil {
		return nil, err
	}
	asked := slices.Sorted(slices.Values(ids))
	return slices.DeleteFunc(acked, func(id int64) bool {
		_, found := slices.BinarySearch(asked, id)
		return !found
	}), nil
}

// Retire keeps further requests from the session.
func (s *Session) Retire() {
	s.mu.Lock()
	s.retired = true
	s.mu.Unlock()
	s.letGo()
}

// Close says that nothing on the session is asked for any more. A retired one lets go
// of its connection.
func (s *Session) Close() {
	s.mu.Lock()
	s.pending = false
	s.mu.Unlock()
	s.letGo()
}

// letGo closes the connection, or has it closed when it is idle, if nobody needs it.
func (s *Session) letGo() {
	s.mu.Lock()
	needless := s.retired && !s.pending
	s.mu.Unlock()
	if needless {
		s.transport.CloseIdleConnections()
	}
}

// served reports whether the session takes no further request.
func (s *Session) served(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retired || now.After(s.until)
}

// gave notes the ackId of an answer.
func (s *Session) gave(id int64) {
	s.mu.Lock()
	s.pending = true
	again := id <= s.last
	s.last = id
	s.mu.Unlock()
	if again {
		s.confused.Store(true)
	}
}

// do makes a call with the session's cookies.
func (s *Session) do(ctx context.Context, c *call) outcome {
	if s.cookies.Load() {
		c.header = c.header.Clone()
		c.header["Cookie"] = []string{s.cookieHeader(c.url)}
	}
	o := c.do(ctx, s.transport, s.timeout)
	o.foreign = s.foreign
	if len(o.header["Set-Cookie"]) > 0 {
		s.jar.SetCookies(c.url, (&http.Response{Header: o.header}).Cookies())
		s.cookies.Store(true)
	}
	return o
}

// mostCookies is what a load balancer's cookies may be together, in bytes. A session that
// is given more takes no further request, and another begins without any.
const mostCookies = 4 << 10

func (s *Session) cookieHeader(to *url.URL) string {
	var header strings.Builder
	for _, cookie := range s.jar.Cookies(to) {
		if header.Len()+len(cookie.Name)+len(cookie.Value) > mostCookies {
			s.Retire()
			break
		}
		if header.Len() > 0 {
			header.WriteString("; ")
		}
		header.WriteString(cookie.Name + "=" + cookie.Value)
	}
	return header.String()
}

// classifyAcks turns an answer to Ask into policy. Nothing but HTTP 200 with what HEC
// answers there says anything about an ackId: others have taken errors for success.
func classifyAcks(base string, o *outcome, now time.Time) ([]int64, error) {
	switch {
	case o.status == 0:
		return nil, &RetryError{Pressure: o.late, Err: fmt.Errorf("%s: acknowledgement: %w", base, o.err)}
	case o.err != nil:
		return nil, &RetryError{Err: fmt.Errorf("%s: acknowledgement: %w", base, o.err)}
	case o.status == http.StatusOK:
		acked, err := hec.ParseAcks(o.body)
		if err != nil {
			return nil, &RetryError{Err: fmt.Errorf("%s: acknowledgement: HTTP status 200: %w", base, err)}
		}
		return acked, nil
	}
	answer, unreadable := hec.ParseAnswer(o.body)
	if unreadable != nil {
		answer.Code = NoCode
	}
	said := fmt.Errorf("acknowledgement: %w", sentence(base, o, answer, unreadable))
	if o.status == http.StatusBadRequest && answer.Code == hec.AckDisabled {
		return nil, &HoldError{Err: said}
	}
	return nil, &RetryError{After: retryAfter(o.header, now), Pressure: isPressure(o.status, answer.Code), Err: said}
}
