package e2e

import (
	"crypto/sha256"
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

// numbered is how many events each behaviour gets: a fifth of what they are otherwise
// where the race detector makes everything several times as slow.
var numbered = func() int {
	const all, watched = 50_000, 10_000
	if race {
		return watched
	}
	return all
}()

// How many of them a request to the HEC door has, and one to Splunk at most.
var (
	postedAtOnce  = numbered / 200
	shippedAtOnce = numbered / 100
)

// The indexes that numbered events are for. The ghost is one that some Splunks do not have.
const (
	home  = "main"
	ghost = "ghost"
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

// isLarge says which events are large, of largeText bytes.
func isLarge(n int) bool { return n%(numbered/5) == 11 }

const largeText = 12_000

// poisonOf is the HEC code for which some events are refused where that is asked for, or
// 0: the first and the last, single ones, neighbours, and many in a row.
func poisonOf(n int) int {
	switch {
	case n == 0, n == numbered-1, n >= numbered/2 && n < numbered/2+20:
		return 6
	case n%2000 == 500:
		return 12
	case n%2000 == 501:
		return 15
	case n%2000 == 1250:
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
		fmt.Fprintf(&b, `{"index":%q,"event":"id=%s %s"}`, index, id(n), text)
	}
	return b.String()
}

// random is events like body's, with text that is not to be compressed.
func random(from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		sum := sha256.Sum256([]byte(id(n)))
		fmt.Fprintf(&b, `{"event":"id=%s %x"}`, id(n), sum[:20])
	}
	return b.String()
}

// posting is the numbered events on their way to a HEC door.
type posting struct {
	t       *testing.T
	senders sync.WaitGroup
	next    atomic.Int64
	refused atomic.Int64 // requests, which are sent again
}

// postNumbered sends the numbered events, so many requests at a time.
func postNumbered(t *testing.T, door string, atOnce int, body func(from, to int) string) *posting {
	t.Helper()
	p := &posting{t: t}
	for range atOnce {
		p.senders.Go(func() {
			for {
				to := int(p.next.Add(int64(postedAtOnce)))
				if to > numbered || !p.send(door, to, []byte(body(to-postedAtOnce, to))) {
					return
				}
			}
		})
	}
	t.Cleanup(p.senders.Wait)
	return p
}

// send makes a request until it is accepted.
func (p *posting) send(door string, to int, body []byte) bool {
	for deadline := time.Now().Add(patience); ; p.refused.Add(1) {
		status, answer := collect(p.t, door+"/services/collector", hecToken, body, "X-Request-Id", "to "+strconv.Itoa(to))
		if status == http.StatusOK {
			return true
		}
		if status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			p.t.Errorf("answered %d %s", status, answer)
			return false
		}
	}
}

// accepted waits until all are.
func (p *posting) accepted() {
	p.t.Helper()
	if p.senders.Wait(); p.t.Failed() {
		p.t.FailNow()
	}
}
