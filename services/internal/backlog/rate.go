package backlog

import (
	"math"
	"time"
)

// smooth is the time over which growth is smoothed: what a minute ago was counts a third
// of what is now.
const smooth = time.Minute

// longest is the longest forecast: what grows so slowly does not fill up.
const longest = 366 * 24 * time.Hour

// trend is how the backlog of one stream grows, smoothed.
type trend struct {
	at              time.Time
	bytes, messages float64 // as they were then
	growth, inflow  float64 // of bytes and of messages, in a second
}

// look takes what the stream holds now.
func (t *trend) look(now time.Time, bytes, messages uint64) {
	seconds := now.Sub(t.at).Seconds()
	first := t.at.IsZero()
	was := *t
	if !first && seconds <= 0 {
		return
	}
	t.at, t.bytes, t.messages = now, float64(bytes), float64(messages)
	if first {
		return
	}
	weight := 1 - math.Exp(-seconds/smooth.Seconds())
	t.growth += weight * ((t.bytes-was.bytes)/seconds - t.growth)
	t.inflow += weight * ((t.messages-was.messages)/seconds - t.inflow)
}

// toFull is how many seconds it takes to fill limit bytes, nil if it does not.
func (t *trend) toFull(limit int64) *float64 {
	room := float64(limit) - t.bytes
	switch {
	case limit <= 0:
		return nil
	case room <= 0:
		return new(float64)
	}
	return forecast(room, t.growth)
}

// toDrain is how many seconds it takes until nothing is left, nil if that does not come.
func (t *trend) toDrain() *float64 {
	if t.messages == 0 {
		return new(float64)
	}
	return forecast(t.messages, -t.inflow)
}

func forecast(left, rate float64) *float64 {
	if rate <= 0 || left/rate > longest.Seconds() {
		return nil
	}
	seconds := left / rate
	return &seconds
}
