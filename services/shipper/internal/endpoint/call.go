package endpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/drainline/drainline/services/internal/hec"
)

// call is one HTTP request.
type call struct {
	method string
	url    *url.URL
	header http.Header // shared with other calls, so nobody writes to it
	data   []byte
}

// outcome is what became of a call: an answer, why there is none, or, with both, where
// the answer broke off.
type outcome struct {
	status int // 0 without an answer
	header http.Header
	body   []byte        // bounded by hec.MaxAnswer and one more
	took   time.Duration // from the first byte sent to the answer
	err    error
	sent   bool // something of the request may have arrived
	late   bool // there was no answer within the timeout
	// foreign says that the request's token is another than the destination's.
	foreign bool
}

// do makes the call. When it returns, the data is free to be changed. An error because
// ctx ended is ctx's cause.
func (c *call) do(ctx context.Context, transport http.RoundTripper, timeout time.Duration) outcome {
	body := &body{data: c.data, begun: time.Now()}
	limited, cancel := context.WithTimeout(ctx, timeout)
	o := c.roundTrip(limited, transport, body)
	late := errors.Is(limited.Err(), context.DeadlineExceeded)
	cancel()
	body.await()
	switch {
	case o.err == nil:
		return o
	case ctx.Err() != nil:
		o.err = context.Cause(ctx)
	case late:
		o.late = true
		o.err = fmt.Errorf("no answer within %v: %w", timeout, o.err)
	}
	o.sent = body.sent()
	return o
}

// roundTrip works without an http.Client, so that nothing follows redirects: HEC has
// none, and the token would go to whatever they name.
func (c *call) roundTrip(ctx context.Context, transport http.RoundTripper, body *body) outcome {
	response, err := transport.RoundTrip(c.request(ctx, body))
	if err != nil {
		return outcome{err: err}
	}
	o := outcome{status: response.StatusCode, header: response.Header, took: body.age()}
	if o.status == http.StatusSwitchingProtocols {
		// Its body is the bare connection, which knows no context.
		_ = response.Body.Close()
		o.err = errors.New("answer 101 to a request that asked for no other protocol")
		return o
	}
	o.body, err = io.ReadAll(io.LimitReader(response.Body, hec.MaxAnswer+1))
	o.body = c.withoutToken(o.body)
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		o.err = fmt.Errorf("answer %d broke off: %w", o.status, err)
	}
	return o
}

// withoutToken is an answer in which the call's own token is not told: what is said in
// front of Splunk may repeat the request, and answers are shown and kept.
func (c *call) withoutToken(answer []byte) []byte {
	for _, value := range c.header["Authorization"] {
		if _, token, ok := strings.Cut(value, " "); ok && len(token) >= shortestToken {
			answer = bytes.ReplaceAll(answer, []byte(token), []byte("***"))
		}
	}
	return answer
}

// shortestToken keeps words of an answer from being taken for a token, in bytes.
const shortestToken = 8

func (c *call) request(ctx context.Context, body *body) *http.Request {
	r := &http.Request{Method: c.method, URL: c.url, Host: c.url.Host, Header: c.header, Body: http.NoBody}
	if len(c.data) > 0 {
		r.Body, r.ContentLength = body.open(), int64(len(c.data))
		// Lets the transport repeat a request that met a connection the collector
		// had just closed, of which nothing was sent.
		r.GetBody = func() (io.ReadCloser, error) { return body.open(), nil }
	}
	return r.WithContext(ctx)
}
