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
	pause   time.Duration // how long it may stand still now
	first   [1]byte       // of the body, until it is read
	begun   bool          // first is to be read
	err     error
}

// newUpload bounds a body as sent, since gzip can be endless and inflate to nothing.
func newUpload(w http.ResponseWriter, r *http.Request, l Limits) *upload {
	return &upload{
		body: http.MaxBytesReader(bare(w), r.Body, l.Compressed), control: http.NewResponseController(w),
		end: time.Now().Add(l.Upload), pause: l.First,
	}
}

// bare is net/http's own writer, the only one that MaxBytesReader can have end the
// connection.
func bare(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapped.Unwrap()
	}
}

// begin waits for the first byte of the body, or its end.
func (u *upload) begin() error {
	_, err := io.ReadFull(u, u.first[:])
	u.begun, u.pause = err == nil, stalled
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err //nolint:wrapcheck // the caller sorts errors by what they are
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	if u.begun && len(p) > 0 {
		u.begun = false
		return copy(p, u.first[:]), nil
	}
	soon := time.Now().Add(u.pause)
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
