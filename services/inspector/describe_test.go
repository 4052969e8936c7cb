package inspector

import (
	"strings"
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	t.Parallel()
	var m meter
	at := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		after time.Duration
		add   int
		want  float64
	}{
		{0, 50, 0}, // the second that runs does not count yet
		{time.Second, 100, 10},
		{2 * time.Second, 0, 30},
		{5 * time.Second, 0, 30},
		{6 * time.Second, 10, 20},
		{7 * time.Second, 0, 2},
		{time.Hour, 0, 0},
	} {
		m.add(at.Add(c.after), c.add)
		if got := m.perSecond(at.Add(c.after)); got != c.want {
			t.Errorf("after %v: %v, want %v", c.after, got, c.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{describeDuration(0), "0 ms"},
		{describeDuration(85 * time.Millisecond), "85 ms"},
		{describeDuration(1234 * time.Millisecond), "1.2 s"},
		{describeDuration(-1500 * time.Millisecond), "−1.5 s"},
		{describeDuration(90 * time.Second), "1 min"},
		{describeDuration(5 * time.Hour), "5 h"},
		{describeDuration(2000 * 24 * time.Hour), "2,000 days"},
		{describeRate(0), "0"},
		{describeRate(0.4), "0.4"},
		{describeRate(9876.6), "9,877"},
		{group(0), "0"},
		{group(999), "999"},
		{group(1234567), "1,234,567"},
		{group(-1234), "-1,234"},
		{group(-123), "-123"},
		{cut("grüße", 3), "gr…"},
		{cut("grüße", 4), "grü…"},
		{cut("grüße", 7), "grüße"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestRingBounds(t *testing.T) {
	t.Parallel()
	e := func() *entry { return &entry{Text: strings.Repeat("x", 100)} }
	cost := e().cost()
	for _, c := range []struct {
		name                string
		maxEvents, maxBytes int
		want                int
	}{
		{"by events", 3, 100 * cost, 3},
		{"by bytes", 100, 5*cost + 1, 5},
		{"one too large", 100, cost - 1, 0},
	} {
		r := ring{maxEvents: c.maxEvents, maxBytes: c.maxBytes}
		for i := range 1000 {
			added := e()
			added.Number = int64(i)
			r.add(added)
		}
		if len(r.entries) != c.want || r.bytes != c.want*cost {
			t.Errorf("%s: %d entries of %d bytes, want %d", c.name, len(r.entries), r.bytes, c.want)
		}
		if c.want > 0 && r.entries[0].Number != int64(1000-c.want) {
			t.Errorf("%s: the oldest is %d", c.name, r.entries[0].Number)
		}
	}
}

// What one request brings is bounded before it is taken, and what is kept after.
func TestSinkBounds(t *testing.T) {
	t.Parallel()
	cost := (&entry{}).cost()
	s := newSink(100, 10*cost)
	for range 3 {
		staged := s.stage()
		for range 25 {
			staged.add(&entry{})
		}
		if len(staged.entries) != 10 {
			t.Errorf("%d entries are staged", len(staged.entries))
		}
		s.take(staged, 25, time.Unix(1, 0))
	}
	kept, newest := s.since(0)
	if len(kept) != 10 || newest != 75 || kept[0].Number != 66 || kept[9].Number != 75 {
		t.Errorf("%d entries up to %d are kept", len(kept), newest)
	}
	if after, _ := s.since(73); len(after) != 2 || after[0].Number != 74 {
		t.Errorf("%d entries are after 73", len(after))
	}
	if s.numbered(66) != kept[0] || s.numbered(65) != nil || s.numbered(76) != nil {
		t.Error("entries are not found by number")
	}
}
