package ack_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	second = time.Second
	minute = time.Minute
	never  = time.Duration(-1)
)

// after is how long every request takes to be indexed.
func after(d time.Duration) func(int) time.Duration {
	return func(int) time.Duration { return d }
}

// spoiled answers the first so many questions with something else.
func spoiled(questions int, answer func(w http.ResponseWriter, whole []byte)) func(int, http.ResponseWriter, []byte) bool {
	return func(ask int, w http.ResponseWriter, whole []byte) bool {
		if ask < questions {
			answer(w, whole)
		}
		return ask < questions
	}
}

func says(status int, body string) func(http.ResponseWriter, []byte) {
	return func(w http.ResponseWriter, _ []byte) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func reset(http.ResponseWriter, []byte) { panic(http.ErrAbortHandler) }

func truncate(w http.ResponseWriter, whole []byte) { _, _ = w.Write(whole[:len(whole)-1]) }

func wrongly(w http.ResponseWriter, whole []byte) {
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(whole) // says true, but in an error
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const always = 1 << 30
	for _, c := range []struct {
		name        string
		collector   *collector
		acked, lost int // of 20
		why         string
		by          time.Duration // all are settled
		asks        int           // at most
	}{
		{"at once", &collector{indexing: after(0)}, 20, 0, "", second, 2},
		{"later", &collector{indexing: after(20 * second)}, 20, 0, "", 25 * second, 2 * 21},
		{"just in time", &collector{indexing: after(timeout - 2*second)}, 20, 0, "", timeout, 2 * 300},
		{"never", &collector{indexing: after(never)}, 0, 20, "not acknowledged within 5m0s: the collector may have restarted", timeout, 2 * 300},
		{"too late", &collector{indexing: after(timeout + second)}, 0, 20, "not acknowledged within 5m0s", timeout, 2 * 300},
		{"one never", &collector{indexing: func(n int) time.Duration { return time.Duration(min(n, 1) - 1) }}, 19, 1, "not acknowledged", timeout, 2 + 10 + 1200},
		{"disabled", &collector{indexing: after(0), spoil: spoiled(always, says(400, `{"text":"ACK is disabled","code":14}`))}, 0, 20, "ACK is disabled", second, 2},
		{"busy for a while", &collector{indexing: after(30 * second), spoil: spoiled(6, says(503, `{"text":"Server is busy","code":9}`))}, 20, 0, "", 47 * second, 38},
		{"busy for ever", &collector{indexing: after(0), spoil: spoiled(always, says(503, `{"text":"Server is busy","code":9}`))}, 0, 20, "not acknowledged", timeout, 2 * 34},
		{"bad requests for a while", &collector{indexing: after(10 * second), spoil: spoiled(4, says(400, `{"text":"Invalid data format","code":6}`))}, 20, 0, "", 20 * second, 14},
		{"a proxy's page for a while", &collector{indexing: after(10 * second), spoil: spoiled(4, says(200, "<html>Welcome</html>"))}, 20, 0, "", 20 * second, 14},
		{"nothing for a while", &collector{indexing: after(10 * second), spoil: spoiled(4, says(200, ""))}, 20, 0, "", 20 * second, 14},
		{"true, in an error", &collector{indexing: after(0), spoil: spoiled(always, wrongly)}, 0, 20, "not acknowledged", timeout, 2 * 34},
		{"true, once, in an answer that is reset", &collector{indexing: after(0), spoil: spoiled(1, reset)}, 10, 10, "not acknowledged", timeout, 1200},
		{"true, once, in an answer that is cut", &collector{indexing: after(0), spoil: spoiled(2, truncate)}, 0, 20, "not acknowledged", timeout, 1200},
		{"asks to be left alone", &collector{indexing: after(20 * second), spoil: spoiled(2, says(429, ""))}, 20, 0, "", 96 * second, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, c.collector, func(f *fixture) {
				one, other := f.session("one"), f.session("other")
				f.send(one, count(0, 10)...)
				f.send(other, count(10, 20)...)
				f.wait(c.by)
				acked, lost, why := f.settled()
				if acked != c.acked || lost != c.lost || !strings.HasPrefix(why, c.why) {
					t.Errorf("%d acked, %d lost: %s; want %d, %d", acked, lost, why, c.acked, c.lost)
				}
				if asks, _ := f.collector.questions(); len(asks) > c.asks {
					t.Errorf("%d questions, want %d at most", len(asks), c.asks)
				}
				if retired := one.retired.Load() || other.retired.Load(); retired != (c.lost > 0) {
					t.Errorf("retired: %v", retired)
				}
				if !one.closed.Load() || !other.closed.Load() {
					t.Error("open still")
				}
			})
		})
	}
}

// Questions come about twice as often as acknowledgements take.
func TestInterval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		indexing time.Duration
		least    time.Duration // between two questions, in the end
		most     time.Duration
	}{
		{"quick", 0, 250 * time.Millisecond, 313 * time.Millisecond},
		{"usual", 10 * second, 5 * second, 10 * second},
		{"slow", 2 * minute, 10 * second, 12500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, &collector{indexing: after(c.indexing)}, func(f *fixture) {
				s := f.session("one")
				for n := range 400 { // about every second something to ask for
					f.send(s, n)
					f.wait(second * 11 / 10)
				}
				f.wait(timeout)
				if acked, _, why := f.settled(); acked != 400 {
					t.Errorf("%d acked: %s", acked, why)
				}
				early, _ := f.collector.questions()
				f.send(s, count(400, 500)...)
				sent := time.Now()
				f.wait(timeout)
				late, _ := f.collector.questions()
				if first, again := early[0].at.Sub(f.began), late[0].at.Sub(sent); first != second || again < c.least || again > c.most {
					t.Errorf("asked after %v, then after %v", first, again)
				}
			})
		})
	}
}

// A collector that does not answer is asked ever more seldom, and the log told, but
// not of the odd failure.
func TestBackoff(t *testing.T) {
	t.Parallel()
	busy := says(http.StatusServiceUnavailable, `{"text":"Server is busy","code":9}`)
	bubble(t, &collector{indexing: after(minute), spoil: spoiled(6, busy)}, func(f *fixture) {
		f.send(f.session("one"), 0)
		f.wait(4 * second)
		if f.log.String() != "" {
			t.Errorf("log: %s", f.log.String())
		}
		f.wait(timeout)
		pauses := []int{1000, 2000, 4000, 8000, 10000, 10000, 10000} // and up to a quarter more
		asks, _ := f.collector.questions()
		at := 0
		times := asked(asks, f.began)
		if len(times) < len(pauses) {
			t.Fatalf("asked at %v ms", times)
		}
		for i, ms := range times[:len(pauses)] {
			if pause := ms - at; pause < pauses[i] || pause > pauses[i]*5/4 {
				t.Errorf("asked after %d ms, want %d", pause, pauses[i])
			}
			at = ms
		}
		if log := f.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "Server is busy") {
			t.Errorf("log: %s", log)
		}
	})
}

// Everything is asked for in each round, oldest first, 1000 at a time.
func TestBulk(t *testing.T) {
	t.Parallel()
	bubble(t, &collector{indexing: after(1500 * time.Millisecond)}, func(f *fixture) {
		s := f.session("one")
		const requests = 2345
		for n := range requests {
			f.Track(s, f.collector.accept("one", n), n)
		}
		if f.Pending() != requests {
			t.Errorf("%d pending", f.Pending())
		}
		f.wait(2250 * time.Millisecond)
		if acked, _, _ := f.settled(); acked != requests {
			t.Errorf("%d acked", acked)
		}
		want := int64(0)
		asks, _ := f.collector.questions()
		for i, q := range asks[:3] {
			if i < 2 && len(q.ids) != 1000 {
				t.Errorf("asked for %d at once", len(q.ids))
			}
			for _, id := range q.ids {
				if id != want {
					t.Fatalf("asked for %d, want %d", id, want)
				}
				want++
			}
		}
		if want != requests || len(asks) != 6 {
			t.Errorf("asked for %d in half of %d questions", want, len(asks))
		}
	})
}

// A session without answers delays no other, but not every session asks at once.
func TestManySessions(t *testing.T) {
	t.Parallel()
	stall := func(ask int, _ http.ResponseWriter, _ []byte) bool {
		if ask == 0 {
			time.Sleep(minute)
		} else {
			time.Sleep(100 * time.Millisecond)
		}
		return ask == 0
	}
	bubble(t, &collector{indexing: after(0), spoil: stall}, func(f *fixture) {
		for n := range 50 {
			f.send(f.session(string(rune('A'+n))), n)
		}
		f.wait(2 * second)
		if acked, _, _ := f.settled(); acked != 49 {
			t.Errorf("%d acked", acked)
		}
		if _, atOnce := f.collector.questions(); atOnce != 8 {
			t.Errorf("%d questions at once", atOnce)
		}
		f.wait(timeout)
	})
}

// A collector that has restarted gives ackIds again: what is true then is so of
// other requests.
func TestRestart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before int // requests
		after  int // that are sent on the same session, the first of which may tell
		blind  bool
	}{
		{"noticed by the first request after it", 5, 1, false},
		{"or by the others", 5, 9, false},
		{"or by an ackId that is pending", 5, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, &collector{indexing: after(minute)}, func(f *fixture) {
				s, other := f.session("one"), f.session("other")
				f.send(s, count(0, c.before)...)
				f.send(other, count(100, 105)...)
				f.wait(2 * second)
				f.collector.recount("one") // it will say true
				if c.blind {
					s.last = -1
				}
				f.send(s, count(c.before, c.before+c.after)...)
				acked, lost, why := f.settled()
				if acked != 0 || lost != c.before+c.after || !strings.Contains(why, "count ackIds anew") || !s.retired.Load() || other.retired.Load() {
					t.Errorf("%d acked, %d lost at once: %s", acked, lost, why)
				}
				f.wait(2 * minute)
				if acked, lost, _ = f.settled(); acked != 5 || lost != c.before+c.after || !s.closed.Load() {
					t.Errorf("%d acked, %d lost", acked, lost)
				}
			})
		})
	}
}

func TestConfusedBefore(t *testing.T) {
	t.Parallel()
	bubble(t, &collector{indexing: after(0)}, func(f *fixture) {
		s := f.session("one")
		s.confused.Store(true)
		f.send(s, 0)
		if _, lost, _ := f.settled(); lost != 1 || !s.retired.Load() {
			t.Errorf("%d lost at once", lost)
		}
		f.wait(0)
		if !s.closed.Load() {
			t.Error("open still")
		}
	})
}

// A restart that is noticed while a question is on its way, whose answer therefore
// means nothing.
func TestRestartWhileAsking(t *testing.T) {
	t.Parallel()
	var s *session
	c := &collector{indexing: after(0), spoil: func(int, http.ResponseWriter, []byte) bool {
		s.confused.Store(true)
		return false
	}}
	bubble(t, c, func(f *fixture) {
		s = f.session("one")
		f.send(s, count(0, 5)...)
		f.wait(second)
		if acked, lost, _ := f.settled(); acked != 0 || lost != 5 || !s.retired.Load() || !s.closed.Load() {
			t.Errorf("%d acked, %d lost", acked, lost)
		}
	})
}

func TestSetTimeout(t *testing.T) {
	t.Parallel()
	bubble(t, &collector{indexing: after(never)}, func(f *fixture) {
		s := f.session("one")
		f.send(s, 0)
		f.SetTimeout(10 * minute)
		f.wait(6 * minute)
		f.send(s, 1)
		if f.Pending() != 2 {
			t.Errorf("%d pending, in spite of the longer timeout", f.Pending())
		}
		f.SetTimeout(minute)
		f.wait(0)
		if _, lost, why := f.settled(); lost != 1 || !strings.Contains(why, "within 1m0s") {
			t.Errorf("%d lost: %s", lost, why)
		}
		f.wait(minute)
		if _, lost, _ := f.settled(); lost != 2 {
			t.Errorf("%d lost", lost)
		}
		f.SetTimeout(0)
		f.send(f.session("other"), 2)
		f.wait(0)
		if _, lost, _ := f.settled(); lost != 3 {
			t.Errorf("%d lost without a timeout", lost)
		}
	})
}

// A session is closed whenever nothing is pending, and followed again after that.
func TestClose(t *testing.T) {
	t.Parallel()
	bubble(t, &collector{indexing: after(0)}, func(f *fixture) {
		s := f.session("one")
		for n := range 3 {
			s.closed.Store(false)
			f.send(s, n)
			f.wait(3 * second)
			if acked, _, _ := f.settled(); acked != n+1 || !s.closed.Load() || s.retired.Load() {
				t.Errorf("%d acked, closed: %v, retired: %v", acked, s.closed.Load(), s.retired.Load())
			}
		}
	})
}

// trackedInClose tracks something while its session is being closed.
type trackedInClose struct {
	*session
	once sync.Once
	f    *fixture
}

func (s *trackedInClose) Close() {
	s.once.Do(func() { s.f.Track(s, s.send(s.f.t, 1), 1) })
	s.session.Close()
}

func TestTrackWhileClosing(t *testing.T) {
	t.Parallel()
	bubble(t, &collector{indexing: after(0)}, func(f *fixture) {
		s := &trackedInClose{session: f.session("one"), f: f}
		f.Track(s, s.send(f.t, 0), 0)
		f.wait(3 * second)
		if acked, _, _ := f.settled(); acked != 2 || !s.closed.Load() {
			t.Errorf("%d acked, closed: %v", acked, s.closed.Load())
		}
	})
}

func TestDrain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		indexing func(int) time.Duration
		spoil    func(int, http.ResponseWriter, []byte) bool
		within   time.Duration
		left     int // of 10
		took     time.Duration
	}{
		{"indexed", after(0), nil, minute, 0, 250 * time.Millisecond},
		{"soon", after(20 * second), nil, minute, 0, 20*second + 250*time.Millisecond},
		{"some of it", func(n int) time.Duration { return time.Duration(n)*10*second + second/2 }, nil, minute, 4, minute},
		{"not at all", after(never), nil, 10 * second, 10, 10 * second},
		{"no answers", after(0), spoiled(1000, says(503, "")), 10 * second, 10, 10 * second},
		{"answers again", after(0), func(ask int, w http.ResponseWriter, _ []byte) bool {
			if ask < 4 {
				w.WriteHeader(http.StatusTooManyRequests)
			}
			return ask < 4
		}, 10 * second, 10, 10 * second},
		{"stalled", after(0), func(int, http.ResponseWriter, []byte) bool { time.Sleep(minute); return false }, 10 * second, 10, 10 * second},
		{"no time", after(0), nil, 0, 10, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, &collector{indexing: c.indexing, spoil: c.spoil}, func(f *fixture) {
				s := f.session("one")
				for n := range 10 {
					f.send(s, n)
					time.Sleep(time.Millisecond)
				}
				ctx, cancel := context.WithTimeout(f.t.Context(), c.within)
				defer cancel()
				began := time.Now()
				left := f.Drain(ctx)
				if took := time.Since(began); len(left) != c.left || (took-c.took).Abs() > 250*time.Millisecond {
					t.Errorf("left %v after %v, want %d after %v", left, took, c.left, c.took)
				}
				for i, n := range left {
					if n != 10-c.left+i {
						t.Errorf("left %v", left)
					}
				}
				if acked, lost, _ := f.settled(); acked != 10-c.left || lost != 0 || !s.closed.Load() || f.Pending() != 0 {
					t.Errorf("%d acked, %d lost, %d pending", acked, lost, f.Pending())
				}
				f.wait(2 * minute)
				if acked, lost, _ := f.settled(); acked != 10-c.left || lost != 0 {
					t.Errorf("then %d acked, %d lost", acked, lost)
				}
				f.Track(s, 99, 99)
				if _, lost, _ := f.settled(); lost != 1 {
					t.Error("tracked after the end")
				}
			})
		})
	}
}

// Whatever a collector does, each item is settled once, and acknowledged only if the
// collector has said so.
func TestEachOnce(t *testing.T) {
	t.Parallel()
	answers := []func(http.ResponseWriter, []byte){
		nil, nil, nil, reset, truncate, wrongly, says(200, ""), says(200, "<html>"), says(503, "{}"), says(429, ""),
		says(400, `{"code":6}`), says(400, `{"code":14}`), says(200, `{"acks":{}}`), says(200, `{"acks":null}`),
	}
	rapid.Check(t, func(rt *rapid.T) {
		indexing := rapid.SliceOfN(rapid.Int64Range(-3, 25), 1, 30).Draw(rt, "seconds to index")
		spoils := rapid.SliceOfN(rapid.IntRange(0, len(answers)-1), 1, 20).Draw(rt, "answers")
		requests := rapid.SliceOfN(rapid.IntRange(0, 12), 1, 4).Draw(rt, "requests on each session")
		restart := rapid.IntRange(0, 30).Draw(rt, "second of the restart")
		c := &collector{
			indexing: func(n int) time.Duration { return time.Duration(indexing[n%len(indexing)]) * second },
			spoil: func(ask int, w http.ResponseWriter, whole []byte) bool {
				answer := answers[spoils[ask%len(spoils)]]
				if answer != nil {
					answer(w, whole)
				}
				return answer != nil
			},
		}
		bubble(t, c, func(f *fixture) {
			f.SetTimeout(20 * second)
			var sending sync.WaitGroup
			total := 0
			for i, n := range requests {
				s, first := f.session(string(rune('A'+i))), total
				total += n
				sending.Go(func() {
					for k := range n {
						f.send(s, first+k)
						time.Sleep(time.Duration(indexing[k%len(indexing)]+3) * second / 10)
					}
				})
			}
			f.wait(time.Duration(restart) * second)
			c.restart()
			sending.Wait()
			f.wait(20 * second)
			if acked, lost, _ := f.settled(); acked+lost != total {
				t.Errorf("%d acked, %d lost of %d", acked, lost, total)
			}
		})
		if t.Failed() {
			rt.Fatal("see above")
		}
	})
}
