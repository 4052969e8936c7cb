package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

const (
	// numbered is how many events each behaviour gets.
	numbered = 50_000
	// postedAtOnce is how many of them a request to the HEC door has.
	postedAtOnce = 250
)

// The indexes that numbered events are for. The ghost is one that some Splunks do not have.
const (
	home  = "main"
	ghost = "ghost"
)

// The texts of large events, in bytes. There is one with each large number.
const (
	largeText = 12_000
	largeStep = 10_000
	largeLast = 11
)

// id is the nth event's, from 0.
func id(n int) string { return fmt.Sprintf("%05d", n) }

// number is n of an id, or -1.
func number(id string) int {
	n, err := strconv.Atoi(id)
	if err != nil {
		return -1
	}
	return n
}

// isGhost says which events are for the ghost.
func isGhost(n int) bool { return n%1000 == 7 }

// isLarge says which events are large.
func isLarge(n int) bool { return n%largeStep == largeLast }

// poisonOf is the HEC code for which some events are refused where that is asked for, or
// 0: the first and the last, single ones, neighbours, and many in a row.
func poisonOf(n int) int {
	switch {
	case n == 0, n == numbered-1, n >= 30_000 && n < 30_020:
		return 6
	case n%2000 == 500:
		return 12
	case n%2000 == 501:
		return 15
	case n%5000 == 1250:
		return 13
	}
	return 0
}

// poison is poisonOf as the simulator asks for it.
func poison(e splunk.Event) int { return poisonOf(number(splunk.ID(string(e.Event)))) }

// body is events from one number to another, as HEC takes them.
func body(from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		index, text := home, "order paid by card"
		if isGhost(n) {
			index = ghost
		}
		if isLarge(n) {
			text = strings.Repeat("x", largeText)
		}
		fmt.Fprintf(&b, `{"index":%q,"event":"%s id=%s"}`, index, text, id(n))
	}
	return b.String()
}

// postNumbered sends the numbered events to a HEC door, so many requests at a time. One
// that is refused is sent again, as the same request. It returns how many were.
func postNumbered(t *testing.T, door string, atOnce int, body func(from, to int) string) (refused int64) {
	t.Helper()
	var (
		senders sync.WaitGroup
		next    atomic.Int64
		again   atomic.Int64
	)
	for range atOnce {
		senders.Go(func() {
			for {
				to := int(next.Add(postedAtOnce))
				if to > numbered || t.Failed() {
					return
				}
				events := []byte(body(to-postedAtOnce, to))
				deadline := time.Now().Add(patience)
				for {
					status, answer := collect(t, door+"/services/collector", hecToken, events, "X-Request-Id", "to "+strconv.Itoa(to))
					if status == http.StatusOK {
						break
					}
					if status != http.StatusServiceUnavailable || time.Now().After(deadline) {
						t.Errorf("answered %d %s", status, answer)
						return
					}
					again.Add(1)
				}
			}
		})
	}
	senders.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return again.Load()
}
