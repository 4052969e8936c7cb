package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// watch prints a line a second on how a fleet does.
type watch struct {
	fleet    *fleet
	accepted string // the sender's ledger
	out      io.Writer

	read                int64 // bytes of the ledger
	accepts, deliveries int64
	last                time.Time
}

// line prints what has been accepted and delivered since the line before, and what waits.
func (w *watch) line(ctx context.Context) error {
	accepts, err := w.countAccepted()
	if err != nil {
		return err
	}
	s, err := statsOf(ctx, w.fleet.simulator)
	if err != nil {
		return err
	}
	messages, oldest, err := w.fleet.cluster.waiting(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	if w.last.IsZero() {
		fmt.Fprintf(w.out, "%8s  %6s  %9s  %7s  %10s  %11s  %14s  %6s\n",
			"accepted", "ingest", "transform", "shipper", "accepted/s", "delivered/s", "blocks waiting", "oldest")
	} else {
		seconds := now.Sub(w.last).Seconds()
		fmt.Fprintf(w.out, "%8d  %6d  %9d  %7d  %10.0f  %11.0f  %14d  %6v\n",
			accepts, w.fleet.size("ingest"), w.fleet.size("transform"), w.fleet.size("shipper"),
			float64(accepts-w.accepts)/seconds, float64(s.Events-w.deliveries)/seconds, messages, oldest.Round(time.Millisecond))
	}
	w.last, w.accepts, w.deliveries = now, accepts, s.Events
	return nil
}

// countAccepted reads on in the sender's ledger, which has a line for each message.
func (w *watch) countAccepted() (int64, error) {
	file, err := os.Open(w.accepted)
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	more, err := io.ReadAll(io.NewSectionReader(file, w.read, 1<<62))
	if err != nil {
		return 0, err
	}
	w.read += int64(len(more))
	return w.accepts + int64(bytes.Count(more, []byte("\n"))), nil
}
