package body

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// upload reads a body off the connection, and remembers what went wrong there:
// what reads from it may have errors of its own.
type upload struct {
	body    io.Reader
	control *http.ResponseController
	end     time.Time
	stall   time.Duration
	err     error
}

// newUpload bounds a body as sent, since gzip can be endless and inflate to nothing.
func newUpload(w http.ResponseWriter, r *http.Request, l Limits) *upload {
	return &upload{
		body: http.MaxBytesReader(w, r.Body, l.Compressed), control: http.NewResponseController(w),
		end: time.Now().Add(l.Upload), stall: l.Stall,
	}
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	soon := time.Now().Add(u.stall)
	if soon.After(u.end) {
		soon = u.end
	}
	_ = u.control.SetReadDeadline(soon) // fails on a connection that Read fails on, too
	n, err := u.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		u.err = err
	}
	return n, err //nolint:wrapcheck // a reader hands on what it reads from
}

// done ends the body's deadline: from now on the sender waits for us.
func (u *upload) done() {
	_ = u.control.SetReadDeadline(time.Time{}) // the body is here, connection or not
}

// reason sorts what can go wrong with an upload by whose fault it is.
func (u *upload) reason(err error) error {
	_, tooLarge := errors.AsType[*http.MaxBytesError](u.err)
	switch {
	case errors.Is(err, ErrNoRoom), errors.Is(err, ErrTooLarge):
		return err
	case tooLarge:
		return ErrTooLarge
	case u.err != nil:
		return ErrGone
	default:
		return ErrBroken
	}
}
