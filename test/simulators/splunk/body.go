package splunk

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// jsonSpace is the white space JSON allows between values.
const jsonSpace = " \t\r\n"

// maxPooledBody keeps a rare huge body from staying in memory.
const maxPooledBody = 8 << 20

var errTooLarge = errors.New("body is larger than the maximum")

// takeBody returns an empty buffer. In strict mode it is a new one, since events that are kept hold parts of it.
func (s *Splunk) takeBody() *bytes.Buffer {
	if buf, ok := s.bodies.Get().(*bytes.Buffer); ok {
		return buf
	}
	return new(bytes.Buffer)
}

func (s *Splunk) returnBody(buf *bytes.Buffer) {
	if s.options.Fast && buf.Cap() <= maxPooledBody {
		buf.Reset()
		s.bodies.Put(buf)
	}
}

// checkUTF8 records a body that is not UTF-8, which JSON has to be and Splunk's parser does not insist on.
func (s *Splunk) checkUTF8(number int64, body []byte) {
	if !utf8.Valid(body) {
		s.violate(fmt.Sprintf("request %d: body is not UTF-8", number))
	}
}

// readBody reads and inflates the body into buf. It returns splunkd's answer to a body it cannot read.
func (s *Splunk) readBody(buf *bytes.Buffer, r *http.Request) *answer {
	if r.ContentLength > s.options.MaxContentLength {
		return tooLarge()
	}
	var err error
	switch encoding := r.Header.Get("Content-Encoding"); {
	case encoding == "":
		err = s.fill(buf, r.Body)
	case strings.EqualFold(encoding, "gzip"):
		err = s.inflate(buf, r.Body)
	default:
		refusal := page(http.StatusUnsupportedMediaType, "The Content-Encoding of your request is not supported.")
		return &refusal
	}
	switch {
	case errors.Is(err, errTooLarge):
		return tooLarge()
	case err != nil:
		refusal := page(http.StatusBadRequest, "Unparsable gzip header in request data")
		return &refusal
	}
	return nil
}

// fill copies r into buf, at most one byte more than is allowed.
func (s *Splunk) fill(buf *bytes.Buffer, r io.Reader) error {
	n, err := io.Copy(buf, io.LimitReader(r, s.options.MaxContentLength+1))
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if n > s.options.MaxContentLength {
		return errTooLarge
	}
	return nil
}

// inflate copies what the gzip stream r holds into buf. The checksum and anything after the stream are checked by compress/gzip.
func (s *Splunk) inflate(buf *bytes.Buffer, r io.Reader) error {
	inflater, ok := s.inflaters.Get().(*gzip.Reader)
	if !ok {
		inflater = new(gzip.Reader)
	}
	defer s.inflaters.Put(inflater)
	if err := inflater.Reset(r); err != nil {
		return fmt.Errorf("read gzip header: %w", err)
	}
	return s.fill(buf, inflater)
}

// tooLarge also hangs up, because the rest of the body is not worth reading.
func tooLarge() *answer {
	refusal := page(http.StatusRequestEntityTooLarge, "The request your client sent was too large.")
	refusal.hangUp = true
	return &refusal
}
