package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// flushEvery bounds how far the file lags behind what was indexed.
const flushEvery = 100 * time.Millisecond

// A ledgerFile is a file that is appended to through a buffer, flushed every flushEvery. A failed write makes all later ones fail.
type ledgerFile struct {
	mu   sync.Mutex // guards buf
	buf  *bufio.Writer
	file *os.File

	stop    chan struct{}
	stopped chan struct{}
}

func openLedger(path string) (*ledgerFile, error) {
	const private = 0o600
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, private) //nolint:gosec // the path is the operator's flag
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	const size = 1 << 20
	l := &ledgerFile{buf: bufio.NewWriterSize(file, size), file: file, stop: make(chan struct{}), stopped: make(chan struct{})}
	go l.flushLoop()
	return l, nil
}

func (l *ledgerFile) flushLoop() {
	defer close(l.stopped)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = l.flush() // the buffer keeps the error for the next Write and for Close
		case <-l.stop:
			return
		}
	}
}

func (l *ledgerFile) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.buf.Flush(); err != nil {
		return fmt.Errorf("flush ledger: %w", err)
	}
	return nil
}

// Write appends whole lines.
func (l *ledgerFile) Write(lines []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.buf.Write(lines)
	if err != nil {
		return n, fmt.Errorf("buffer ledger: %w", err)
	}
	return n, nil
}

// Close writes what is buffered and closes the file.
func (l *ledgerFile) Close() error {
	close(l.stop)
	<-l.stopped
	return errors.Join(l.flush(), l.file.Close())
}
