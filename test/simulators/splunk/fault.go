package splunk

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// A Response is a fault: what a request gets in place of Splunk's answer. With neither Status nor Cut it gets Splunk's answer, late
// by Delay.
type Response struct {
	// Status and Body are the answer. An empty Body is sent as such; JSON is announced as Splunk does.
	Status int
	Body   string
	// RetryAfter is sent in whole seconds, rounded.
	RetryAfter time.Duration
	// Delay is waited before the answer, at most until the client is gone.
	Delay time.Duration
	// Accept indexes the request first, as happens when an answer is lost on its way or a load balancer answers in Splunk's stead.
	Accept bool
	// Cut breaks the connection instead of answering.
	Cut bool
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
	var mu sync.Mutex
	return func(r *http.Request) *Response {
		mu.Lock()
		defer mu.Unlock()
		if r.Method != http.MethodPost || len(responses) == 0 {
			return nil
		}
		next := responses[0]
		responses = responses[1:]
		return &next
	}
}

func (s *Splunk) nextFault(r *http.Request) *Response {
	if f := s.fault.Load(); f != nil {
		return (*f)(r)
	}
	return nil
}

// serveFault plays a fault. The body is read in any case but a plain cut, so that the client gets to read its answer.
func (s *Splunk) serveFault(w http.ResponseWriter, r *http.Request, number int64, fault *Response) {
	usual := fault.Status == 0 && !fault.Cut
	var a answer
	switch {
	case usual || fault.Accept:
		a = s.answer(number, r)
	case !fault.Cut:
		// What is wrong with the body does not matter to a fault.
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, s.options.MaxContentLength))
	}
	if !wait(r, fault.Delay) || fault.Cut {
		panic(http.ErrAbortHandler) // net/http's way to break a connection from a handler
	}
	if !usual {
		a = answer{status: fault.Status, contentType: typeJSON, body: fault.Body, retryAfter: fault.RetryAfter}
	}
	a.write(w)
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
