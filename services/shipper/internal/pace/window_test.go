package pace_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/shipper/internal/pace"
)

// collector works on so many requests at a time, each for as long; others wait in
// line. More in the line than it likes it turns away at once.
type collector struct {
	capacity int
	service  time.Duration
	line     int

	now      time.Time
	inFlight []inFlight // by the time of their answers
	free     []time.Time
}

type inFlight struct {
	sent, answered time.Time
	turnedAway     bool
}

func newCollector(capacity int, service time.Duration, line int) *collector {
	return &collector{capacity: capacity, service: service, line: line, now: time.Unix(1e9, 0), free: make([]time.Time, capacity)}
}

func (c *collector) send() {
	request := inFlight{sent: c.now, answered: c.now.Add(time.Millisecond), turnedAway: len(c.inFlight) >= c.capacity+c.line}
	if !request.turnedAway {
		earliest := 0
		for i, free := range c.free {
			if free.Before(c.free[earliest]) {
				earliest = i
			}
		}
		if c.free[earliest].Before(c.now) {
			c.free[earliest] = c.now
		}
		c.free[earliest] = c.free[earliest].Add(c.service)
		request.answered = c.free[earliest]
	}
	c.inFlight = append(c.inFlight, request)
}

// answer is the next there is.
func (c *collector) answer() inFlight {
	first := 0
	for i, request := range c.inFlight {
		if request.answered.Before(c.inFlight[first].answered) {
			first = i
		}
	}
	request := c.inFlight[first]
	c.inFlight = append(c.inFlight[:first], c.inFlight[first+1:]...)
	c.now = request.answered
	return request
}

// run uses the window up until there were so many answers, and returns the least and
// the largest it was in the second half of them.
func (c *collector) run(w *pace.Window, answers int, check func(size int)) (least, largest int) {
	for i := range answers {
		for len(c.inFlight) < w.Size() {
			c.send()
		}
		busy := len(c.inFlight)
		if request := c.answer(); request.turnedAway {
			w.Pressed(request.sent, c.now)
		} else {
			w.Succeeded(c.now.Sub(request.sent), busy, c.now)
		}
		size := w.Size()
		check(size)
		if i == answers/2 {
			least, largest = size, size
		} else if i > answers/2 {
			least, largest = min(least, size), max(largest, size)
		}
	}
	return least, largest
}

const never = 1 << 30

// A window finds what a collector can do: no less, and not so much more that answers
// take several times as long. Requests that are answered while latency has not yet
// shown itself let it grow to twice what it would be.
func TestWindowFindsCapacity(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const most = 256
		capacity := rapid.IntRange(1, 40).Draw(rt, "capacity")
		service := time.Duration(rapid.IntRange(10, 200).Draw(rt, "ms")) * time.Millisecond
		c := newCollector(capacity, service, never)
		w := pace.NewWindow(most, true)
		least, largest := c.run(w, 1000, func(size int) {
			if size < 1 || size > most {
				rt.Fatalf("size %d", size)
			}
		})
		slack := int(5*time.Millisecond/service) + 1
		if least < capacity || largest > 4*capacity+8+slack*capacity {
			rt.Errorf("between %d and %d", least, largest)
		}
	})
}

// Where a collector turns away instead, the window stays about what it takes, and
// comes back each time.
func TestWindowUnderPressure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const most = 64
		capacity := rapid.IntRange(2, 40).Draw(rt, "capacity")
		c := newCollector(capacity, 50*time.Millisecond, 0)
		w := pace.NewWindow(most, true)
		turned := 0
		last := w.Size()
		least, largest := c.run(w, 2000, func(size int) {
			if size < 1 || size > most {
				rt.Fatalf("size %d", size)
			}
			if size < last {
				turned++
			}
			last = size
		})
		if least < capacity/2 || largest > capacity+1 || turned == 0 {
			rt.Errorf("between %d and %d, shrunk %d times", least, largest, turned)
		}
	})
}

// step is something that happens to a window, a second after the last.
type step struct {
	times     int
	took      time.Duration // zero is pressure
	inFlight  int           // zero is as many as may be
	sentAfter time.Duration // pressure: since the start; zero is now
}

func TestWindow(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	press := step{times: 1}
	for _, c := range []struct {
		name     string
		most     int
		adaptive bool
		steps    []step
		want     int
	}{
		{"begins small", 8, true, nil, 2},
		{"begins with one", 1, true, nil, 1},
		{"one at least", 0, true, nil, 1},
		{"constant", 8, false, []step{{100, 50 * ms, 0, 0}, press, {1, time.Minute, 0, 0}}, 8},
		{"grows by one a success", 8, true, []step{{5, 50 * ms, 0, 0}}, 7},
		{"to its most", 8, true, []step{{50, 50 * ms, 0, 0}}, 8},
		{"not while it is not used up", 8, true, []step{{50, 50 * ms, 1, 0}}, 2},
		{"not while answers are slow", 64, true, []step{{6, 50 * ms, 0, 0}, {50, 200 * ms, 0, 0}}, 9},
		{"a little slower is the same", 64, true, []step{{6, 50 * ms, 0, 0}, {40, 79 * ms, 0, 0}}, 48},
		{"pressure halves", 64, true, []step{{18, 50 * ms, 0, 0}, press}, 10},
		{"never below one", 64, true, []step{press, press, press, press}, 1},
		{"pressure ends the slow start", 64, true, []step{{18, 50 * ms, 0, 0}, press, {10, 50 * ms, 0, 0}}, 11},
		{"one a round after that", 64, true, []step{{18, 50 * ms, 0, 0}, press, {10 + 11 + 12, 50 * ms, 0, 0}}, 13},
		{"once a round", 64, true, []step{{18, 50 * ms, 0, 0}, press, {9, 0, 0, time.Second}}, 10},
		{"from one up again", 64, true, []step{press, press, {1 + 2 + 3, 50 * ms, 0, 0}}, 4},
		{"slow answers do not shrink", 64, true, []step{{8, 50 * ms, 0, 0}, {9, time.Minute, 0, 0}}, 10},
		{"slower for good", 64, true, []step{{8, 50 * ms, 0, 0}, {240, 200 * ms, 1, 0}, {10 + 11, 200 * ms, 0, 0}}, 12},
		{"faster again", 64, true, []step{{8, 50 * ms, 0, 0}, {20, 200 * ms, 0, 0}, {20, 50 * ms, 1, 0}, {11, 50 * ms, 0, 0}}, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := pace.NewWindow(c.most, c.adaptive)
			began := time.Unix(1e9, 0)
			now := began
			for _, s := range c.steps {
				for range s.times {
					now = now.Add(time.Second)
					switch {
					case s.took == 0 && s.sentAfter == 0:
						w.Pressed(now, now)
					case s.took == 0:
						w.Pressed(began.Add(s.sentAfter), now)
					case s.inFlight == 0:
						w.Succeeded(s.took, w.Size(), now)
					default:
						w.Succeeded(s.took, s.inFlight, now)
					}
				}
			}
			if got := w.Size(); got != c.want {
				t.Errorf("size %d, want %d", got, c.want)
			}
		})
	}
}

func TestWindowSetMost(t *testing.T) {
	t.Parallel()
	w := pace.NewWindow(16, true)
	now := time.Unix(1e9, 0)
	for i, c := range []struct {
		most     int
		adaptive bool
		want     int // then, and after as many successes as there can be
		grown    int
	}{
		{16, true, 2, 16},
		{4, true, 4, 4},
		{8, true, 4, 8},
		{5, false, 5, 5},
		{9, false, 9, 9},
		{12, true, 2, 12},
		{-1, true, 1, 1},
	} {
		w.SetMost(c.most, c.adaptive)
		got := w.Size()
		for range 200 {
			now = now.Add(time.Millisecond)
			w.Succeeded(time.Second, w.Size(), now)
		}
		if grown := w.Size(); got != c.want || grown != c.grown {
			t.Errorf("%d: size %d, then %d, want %d and %d", i, got, grown, c.want, c.grown)
		}
	}
}
