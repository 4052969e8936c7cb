package e2e

import (
	"fmt"
	"math/rand/v2"
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

// text is the nth event's.
func text(n int) string {
	if isLarge(n) {
		return "id=" + id(n) + " " + strings.Repeat("x", largeText)
	}
	return "id=" + id(n) + " order paid by card"
}

// randomText is one that cannot be compressed. All together have about three megabytes.
func randomText(n int) string {
	random := make([]byte, 1_500_000/numbered)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(random) // never fails
	return fmt.Sprintf("id=%s %x", id(n), random)
}

// door takes the events from one number to another, and answers with a status.
type door func(t *testing.T, from, to int) (status int)

// hecDoor is HEC's, where an event has an index.
func hecDoor(url string, text func(n int) string) door {
	return func(t *testing.T, from, to int) int {
		t.Helper()
		var body strings.Builder
		for n := from; n < to; n++ {
			index := home
			if isGhost(n) {
				index = ghost
			}
			fmt.Fprintf(&body, `{"index":%q,"event":%q}`, index, text(n))
		}
		status, _ := collect(t, url+"/services/collector", hecToken, []byte(body.String()))
		return status
	}
}

// logplexDoor is Logplex's, which knows a request again that it has seen.
func logplexDoor(url string, text func(n int) string) door {
	return func(t *testing.T, from, to int) int {
		t.Helper()
		var body []byte
		for n := from; n < to; n++ {
			body = append(body, frame(text(n))...)
		}
		return post(t, url, body, "Logplex-Frame-Id", id(from), "Logplex-Msg-Count", strconv.Itoa(to-from))
	}
}

// posting is the numbered events on their way.
type posting struct {
	t       *testing.T
	senders sync.WaitGroup
	next    atomic.Int64
	refused atomic.Int64 // requests, which are sent again
}

// postNumbered sends the numbered events, each request with so many and so many requests
// at a time.
func postNumbered(t *testing.T, to door, each, atOnce int) *posting {
	t.Helper()
	p := &posting{t: t}
	for range atOnce {
		p.senders.Go(func() {
			for {
				end := int(p.next.Add(int64(each)))
				if end > numbered || !p.send(to, end-each, end) {
					return
				}
			}
		})
	}
	t.Cleanup(p.senders.Wait)
	return p
}

// send makes a request until it is accepted.
func (p *posting) send(to door, from, end int) bool {
	for deadline := time.Now().Add(patience); ; p.refused.Add(1) {
		switch status := to(p.t, from, end); {
		case status < http.StatusMultipleChoices:
			return true
		case status != http.StatusServiceUnavailable || time.Now().After(deadline):
			p.t.Errorf("answered %d", status)
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
