package player

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxLine is where a dyno cuts a line; each part becomes a message, all but the last without a newline.
const maxLine = 10_000

// lines are the messages read from Options.Lines, shared by all drains.
type lines struct {
	messages chan message
	ended    chan struct{} // closed before messages is
	failed   error         // set before ended is closed
}

func newLines() *lines {
	return &lines{messages: make(chan message, maxFrames), ended: make(chan struct{})}
}

// read reads until the end or until ctx ends.
func (l *lines) read(ctx context.Context, from io.Reader) {
	defer func() {
		close(l.ended)
		close(l.messages)
	}()
	reader := bufio.NewReaderSize(struct{ io.Reader }{from}, maxLine) // hides a bufio.Reader, which would keep its own size
	cut := false                                                      // whether the last part was not the end of its line
	for {
		part, err := reader.ReadSlice('\n')
		more := errors.Is(err, bufio.ErrBufferFull)
		if onlyEnd := cut && string(part) == "\n"; len(part) > 0 && !onlyEnd && !l.give(ctx, part, more) {
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil && !more:
			l.failed = fmt.Errorf("read lines: %w", err)
			return
		}
		cut = more
	}
}

// give makes a message of a line or a part of one. It returns false if ctx has ended.
func (l *lines) give(ctx context.Context, part []byte, more bool) bool {
	text, newline := bytes.CutSuffix(part, []byte("\n"))
	if newline {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	select {
	case l.messages <- newMessage(local7, app, "web.1", string(text), !more):
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *lines) take(ctx context.Context, wait bool) (message, bool) {
	if wait {
		select {
		case m, ok := <-l.messages:
			return m, ok
		case <-ctx.Done():
			return message{}, false
		}
	}
	select {
	case m, ok := <-l.messages:
		return m, ok
	default:
		return message{}, false
	}
}

// err returns why reading ended early, if it has ended.
func (l *lines) err() error {
	select {
	case <-l.ended:
		return l.failed
	default:
		return nil
	}
}
