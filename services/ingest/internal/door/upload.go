package door

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// uploadTime covers headers, and then the body. Logplex waits five seconds for an
	// answer, so whoever is slower is no Logplex.
	uploadTime = 20 * time.Second
	// stalled is how long a body may stand still, so that nobody keeps memory for
	// nothing.
	stalled = 5 * time.Second
)

// upload reads a body off the connection, and remembers what went wrong there:
// what reads from it may have errors of its own.
type upload struct {
	body    io.Reader
	control *http.ResponseController
	end     time.Time
	err     error
}

// newUpload bounds a body as sent, since gzip can be endless and inflate to nothing.
func newUpload(w http.ResponseWriter, r *http.Request, limit int64) *upload {
	return &upload{
		body: http.MaxBytesReader(w, r.Body, limit), control: http.NewResponseController(w), end: time.Now().Add(uploadTime),
	}
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	soon := time.Now().Add(stalled)
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
	case errors.Is(err, errNoRoom), errors.Is(err, errTooLarge):
		return err
	case tooLarge:
		return errTooLarge
	case u.err != nil:
		return errGone
	default:
		return errBroken
	}
}
