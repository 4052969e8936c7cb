package seen_test

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/seen"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func id(n int) wire.ID {
	var id wire.ID
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

func known(x *seen.Index, n int) bool {
	mine, known, _ := x.Claim(id(n))
	if mine {
		x.Settle(id(n), false)
	}
	return known
}

func TestAStoredIDIsKnown(t *testing.T) {
	t.Parallel()
	x := seen.New(seen.Memory, seen.Limit)
	if mine, known, landed := x.Claim(id(1)); !mine || known || landed != nil {
		t.Fatalf("first claim: mine %v, known %v, landed %v", mine, known, landed)
	}
	x.Settle(id(1), true)
	if mine, known, landed := x.Claim(id(1)); mine || !known || landed != nil {
		t.Fatalf("claim of a stored id: mine %v, known %v, landed %v", mine, known, landed)
	}
}

func TestAFailedIDIsFreeAgain(t *testing.T) {
	t.Parallel()
	x := seen.New(seen.Memory, seen.Limit)
	x.Claim(id(1))
	x.Settle(id(1), false)
	if mine, known, _ := x.Claim(id(1)); !mine || known {
		t.Fatalf("claim after a failure: mine %v, known %v", mine, known)
	}
}

func TestClaimsOfOneIDWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := seen.New(seen.Memory, seen.Limit)
		x.Claim(id(1))
		var stored, repeats atomic.Int64
		var waiters sync.WaitGroup
		for range 8 {
			waiters.Go(func() {
				for {
					mine, known, landed := x.Claim(id(1))
					switch {
					case mine:
						stored.Add(1)
						x.Settle(id(1), true)
						return
					case known:
						repeats.Add(1)
						return
					default:
						<-landed
					}
				}
			})
		}
		synctest.Wait()
		if n := stored.Load() + repeats.Load(); n != 0 {
			t.Fatalf("%d did not wait", n)
		}
		x.Settle(id(1), false) // one of those waiting takes over
		waiters.Wait()
		if stored.Load() != 1 || repeats.Load() != 7 {
			t.Fatalf("stored %d times, recognised %d times", stored.Load(), repeats.Load())
		}
	})
}

func TestIDsAreForgottenByAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := seen.New(time.Minute, seen.Limit)
		for _, c := range []struct {
			after time.Duration
			known bool
		}{
			{0, true},
			{59 * time.Second, true},
			{time.Minute, true},
			{119 * time.Second, true},
			{2 * time.Minute, false},
			{time.Hour, false},
		} {
			x.Learn(id(1))
			time.Sleep(c.after)
			if got := known(x, 1); got != c.known {
				t.Errorf("after %v known is %v", c.after, got)
			}
			time.Sleep(time.Hour)
			known(x, 1)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 1000
	x := seen.New(seen.Memory, limit)
	for n := range 10 * limit {
		x.Learn(id(n))
		if got := x.Len(); got > limit {
			t.Fatalf("remembers %d ids, over %d", got, limit)
		}
		if last := n - limit/2 + 1; last >= 0 && !known(x, last) {
			t.Fatalf("forgot id %d of %d: half of the limit must be known", last, n)
		}
	}
}

// The index against a plain model: a map of states without any forgetting.
func TestIndexIsItsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := seen.New(seen.Memory, seen.Limit)
		stored, flying := map[int]bool{}, map[int]bool{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			n := rapid.IntRange(0, 5).Draw(t, "id")
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				mine, known, landed := x.Claim(id(n))
				if known != stored[n] || mine != (!stored[n] && !flying[n]) || (landed != nil) != (!stored[n] && flying[n]) {
					t.Fatalf("claim %d: mine %v, known %v, landed %v; model stored %v, flying %v",
						n, mine, known, landed != nil, stored[n], flying[n])
				}
				if mine {
					flying[n] = true
				}
			case 1:
				if flying[n] {
					ok := rapid.Bool().Draw(t, "ok")
					x.Settle(id(n), ok)
					stored[n] = stored[n] || ok
					delete(flying, n)
				}
			default:
				x.Learn(id(n))
				stored[n] = true
			}
		}
	})
}

func BenchmarkClaimAndSettle(b *testing.B) {
	x := seen.New(seen.Memory, seen.Limit)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		x.Claim(id(n))
		x.Settle(id(n), true)
	}
}
