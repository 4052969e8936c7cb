package player

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A connection carries one request at a time. What an answer leaves behind unread is taken for the head of the next one, as it is by
// Logplex's client.
type connection struct {
	net.Conn

	buf        []byte
	start, end int // of what is read and not used
}

const (
	readSize = 4 << 10
	maxHead  = 16 << 10
)

func newConnection(conn net.Conn) *connection {
	return &connection{Conn: conn, buf: make([]byte, readSize)}
}

// An answer is what Logplex's client takes from a response.
type answer struct {
	status int
	length int64 // of the body, by Content-Length
	hangUp bool  // the connection is not to be used again
	breach error // a violationError the client survives for now
}

// A violationError is something in a response that Logplex's client cannot read.
type violationError string

func (e violationError) Error() string {
	return "response: " + string(e)
}

const (
	errStatusLine = violationError("malformed status line: HTTP/1.1, a space, three digits and a space is what Logplex reads")
	errHeadTooBig = violationError("head is larger than 16 KiB")
	errHeader     = violationError("malformed header line")
	errLength     = violationError("malformed Content-Length")
	errChunked    = violationError("Transfer-Encoding: Logplex reads a body by Content-Length only, and takes the rest for the next answer")
	errInterim    = violationError("interim (1xx) answer")
)

var errBroken = errors.New("connection broken")

// exchange sends a request and reads its answer, all before the deadline.
func (c *connection) exchange(request []byte, deadline time.Time) (answer, error) {
	if err := c.SetDeadline(deadline); err != nil {
		return answer{}, fmt.Errorf("%w: %w", errBroken, err)
	}
	if _, err := c.Write(request); err != nil {
		return answer{}, fmt.Errorf("%w while sending: %w", errBroken, err)
	}
	a, err := c.readHead()
	if err != nil {
		return a, err
	}
	return a, c.discard(a.length)
}

// readHead reads status line and headers.
func (c *connection) readHead() (answer, error) {
	for {
		if head, _, found := bytes.Cut(c.buf[c.start:c.end], []byte("\r\n\r\n")); found {
			c.start += len(head) + len("\r\n\r\n")
			return parseHead(head)
		}
		if c.end-c.start >= maxHead {
			return answer{}, errHeadTooBig
		}
		if err := c.read(); err != nil {
			return answer{}, err
		}
	}
}

// read reads what is there, behind what is not used yet.
func (c *connection) read() error {
	c.end = copy(c.buf, c.buf[c.start:c.end])
	c.start = 0
	if c.end == len(c.buf) {
		c.buf = append(c.buf, make([]byte, readSize)...)
	}
	n, err := c.Read(c.buf[c.end:])
	c.end += n
	if n == 0 && err != nil {
		return fmt.Errorf("%w before the answer was complete: %w", errBroken, err)
	}
	return nil
}

// discard skips a body.
func (c *connection) discard(length int64) error {
	for {
		unused := min(length, int64(c.end-c.start))
		c.start += int(unused)
		length -= unused
		if length == 0 {
			return nil
		}
		if err := c.read(); err != nil {
			return err
		}
	}
}

// parseHead takes a response's head apart. The space after the status is required, the reason is not.
func parseHead(head []byte) (answer, error) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	const (
		version   = len("HTTP/1.x ")
		code      = len("200")
		statusEnd = version + code
	)
	if len(line) <= statusEnd || line[statusEnd] != ' ' {
		return answer{}, errStatusLine
	}
	protocol := string(line[:version])
	status, err := strconv.ParseUint(string(line[version:statusEnd]), 10, 16)
	if err != nil || protocol != "HTTP/1.1 " && protocol != "HTTP/1.0 " {
		return answer{}, errStatusLine
	}
	a := answer{status: int(status), hangUp: protocol == "HTTP/1.0 "}
	if status < http.StatusOK {
		a.breach = errInterim
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if err := a.header(line); err != nil {
			return answer{}, err
		}
	}
	return a, nil
}

// header takes in a header line.
func (a *answer) header(line []byte) error {
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found {
		return errHeader
	}
	value = bytes.TrimSpace(value)
	switch {
	case equalFold(name, "Content-Length"):
		length, err := strconv.ParseUint(string(value), 10, 62)
		if err != nil {
			return errLength
		}
		a.length = int64(length)
	case equalFold(name, "Transfer-Encoding"):
		a.breach = errChunked
	case equalFold(name, "Connection"):
		a.hangUp = a.hangUp || equalFold(value, "close")
	}
	return nil
}

func equalFold(b []byte, s string) bool {
	return len(b) == len(s) && strings.EqualFold(string(b), s)
}
