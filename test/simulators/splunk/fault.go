package splunk

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Response is a fault: what a request gets in place of Splunk's answer. With none of Code, Status, Truncate, Stall, Cut and
// CutBefore it gets Splunk's answer, late by Delay and with Header.
type Response struct {
	// Code is answered as Splunk answers it, from its whole table of 0 to 27. With 24 and 25, which are warnings, the request is
	// taken as ever. 0 is no code.
	Code int
	// InvalidEvent is the number that an answer with Code tells if Named: as sent, so one higher than the index for code 7.
	InvalidEvent int
	Named        bool
	// KeepPrefix is how many of the request's events, from the first, are indexed in spite of the answer.
	KeepPrefix int

	// Status and Body are the answer. An empty Body is sent as such; JSON is announced as Splunk does.
	Status int
	Body   string
	// Header is sent in addition to splunkd's headers or in their place.
	Header http.Header
	// RetryAfter is sent in whole seconds, rounded.
	RetryAfter time.Duration
	// Delay is waited before the answer, at most until the client is gone.
	Delay time.Duration
	// Accept indexes the request first, as happens when an answer is lost on its way or a load balancer answers in Splunk's stead.
	Accept bool
	// Truncate takes the request as ever and sends the first half of the answer's body.
	Truncate bool
	// Stall never answers, until the client is gone.
	Stall bool
	// Cut breaks the connection instead of answering, after the body was read.
	Cut bool
	// CutBefore breaks the connection before the body is read.
	CutBefore bool
}

// HTML is a status with the page that splunkd, or a load balancer before it, has for it.
func HTML(status int) Response {
	return Response{
		Status: status,
		Body:   page(status, http.StatusText(status)+".").body,
		Header: http.Header{"Content-Type": {typeHTML}},
	}
}

// Truncated is the first half of the usual answer, after the request was taken.
func Truncated() Response {
	return Response{Truncate: true}
}

// SetFault makes f decide on each request, before credentials are looked at. Where f returns nil Splunk answers. A nil f ends it.
func (s *Splunk) SetFault(f func(*http.Request) *Response) {
	if f == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&f)
}

// Sequence returns a fault for SetFault that gives each POST the next of the responses, and after the last leaves it to Splunk.
func Sequence(responses ...Response) func(*http.Request) *Response {
	var posts atomic.Int64
	return func(r *http.Request) *Response {
		if r.Method != http.MethodPost {
			return nil
		}
		if n := posts.Add(1); n <= int64(len(responses)) {
			return &responses[n-1]
		}
		return nil
	}
}

// First returns a fault for SetFault that gives the first n POSTs the response.
func First(n int, response Response) func(*http.Request) *Response {
	var posts atomic.Int64
	return func(r *http.Request) *Response {
		if r.Method != http.MethodPost || posts.Add(1) > int64(n) {
			return nil
		}
		return &response
	}
}

// For returns a fault for SetFault that gives all POSTs the response, for that long from the first one.
func For(d time.Duration, response Response) func(*http.Request) *Response {
	ends := sync.OnceValue(func() time.Time { return time.Now().Add(d) })
	return func(r *http.Request) *Response {
		if r.Method != http.MethodPost || !time.Now().Before(ends()) {
			return nil
		}
		return &response
	}
}

// Share returns a fault for SetFault that gives so many percent of the POSTs, those to the ack endpoint included, the response. They
// are spread evenly, and the seed tells where to begin: with 0 the first POST is one of them.
func Share(percent int, seed uint64, response Response) func(*http.Request) *Response {
	var posts atomic.Uint64
	posts.Store(seed)
	return func(r *http.Request) *Response {
		if r.Method != http.MethodPost || spread(posts.Add(1)-1) >= percent {
			return nil
		}
		return &response
	}
}

func (s *Splunk) nextFault(r *http.Request) *Response {
	if f := s.fault.Load(); f != nil {
		return (*f)(r)
	}
	return nil
}

// serveFault plays a fault. But for CutBefore the body is read, so that the client gets to read its answer.
func (s *Splunk) serveFault(w http.ResponseWriter, c call, fault *Response) {
	if fault.CutBefore {
		panic(http.ErrAbortHandler) // net/http's way to break a connection from a handler
	}
	a := s.suffer(c, fault)
	listens := wait(c.Request, fault.Delay)
	if fault.Stall {
		<-c.Context().Done()
	}
	if fault.Stall || fault.Cut || !listens {
		s.unconfirmed.Add(a.confirms)
		panic(http.ErrAbortHandler)
	}
	told := fault.answer(a)
	s.unconfirmed.Add(a.confirms - told.confirms)
	told.write(w)
}

// suffer does with a request what it does in spite of its fault. The answer is Splunk's, if there is one.
func (s *Splunk) suffer(c call, fault *Response) answer {
	switch {
	case fault.Accept || fault.usual():
		return s.answer(c)
	case fault.KeepPrefix > 0:
		c.keep = fault.KeepPrefix
		s.route(c)
	default:
		// What is wrong with the body does not matter to a fault.
		_, _ = io.Copy(io.Discard, io.LimitReader(c.Body, s.options.MaxContentLength))
	}
	return answer{}
}

// usual tells whether the request is taken as ever.
func (f *Response) usual() bool {
	return f.warning() || f.Code == 0 && f.Status == 0 && !f.Stall && !f.Cut
}

// warning tells whether the answer is one that Splunk gives to what it has taken.
func (f *Response) warning() bool {
	return f.Code == codeQueueWarning || f.Code == codeAckWarning
}

// answer is what the client gets in place of Splunk's answer.
func (f *Response) answer(splunks answer) answer {
	a := splunks
	switch {
	case f.Truncate:
		a.body, a.confirms = a.body[:len(a.body)/2], 0
	case f.warning() && a.code == codeSuccess:
		a = answerJSON(f.Code, a.more)
		a.confirms = splunks.confirms
	case f.warning():
	case f.Code != 0 && f.Named:
		a = numbered(f.Code, f.InvalidEvent)
	case f.Code != 0:
		a = reply(f.Code)
	case f.Status != 0:
		a = answer{status: f.Status, contentType: typeJSON, body: f.Body}
	}
	a.header, a.retryAfter = f.Header, f.RetryAfter
	return a
}

// wait waits and tells whether the client still listens.
func wait(r *http.Request, delay time.Duration) bool {
	if delay == 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
