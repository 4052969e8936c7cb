package door

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
)

func TestUnknownDrains(t *testing.T) {
	t.Parallel()
	listed := map[string]string{"d.known": "shop"}
	for _, c := range []struct {
		mode    string
		drains  map[string]string
		token   string
		status  int
		marked  bool
		unknown bool
	}{
		{config.AcceptDrains, nil, "d.new", 204, false, false},
		{config.AcceptDrains, listed, "d.new", 204, false, true},
		{config.AcceptDrains, listed, "d.known", 204, false, false},
		{config.QuarantineDrains, nil, "d.new", 204, true, true},
		{config.QuarantineDrains, listed, "d.new", 204, true, true},
		{config.QuarantineDrains, listed, "d.known", 204, false, false},
		{config.QuarantineDrains, listed, "", 204, false, false}, // Private Spaces and log-shuttle have none
		{config.RejectDrains, listed, "d.new", 403, false, true},
		{config.RejectDrains, listed, "d.known", 204, false, false},
		{config.RejectDrains, listed, "", 204, false, false},
		{config.RejectDrains, nil, "d.new", 403, false, true},
	} {
		name := fmt.Sprintf("%s %q of %v", c.mode, c.token, c.drains)
		s, kept := open(), &shelf{}
		s.Drains, s.UnknownDrains = c.drains, c.mode
		d := newDoor(t, s, kept)
		var header []string
		if c.token != "" {
			header = []string{"Logplex-Drain-Token", c.token}
		}
		if got := d.answer(drainPost("/logs/blog", "sesame", bytes.NewReader(frame("x")), header...)); got != c.status {
			t.Errorf("%s: answered %d", name, got)
		}
		stored := kept.take()
		if (c.status == 204) != (len(stored) == 1) {
			t.Fatalf("%s: stored %v", name, stored)
		}
		if c.status == 204 && slices.Contains(stored[0].GetMarks(), wire.MarkUnknownDrain) != c.marked {
			t.Errorf("%s: marked %v", name, stored[0].GetMarks())
		}
		unknown := d.Unknown()
		if (len(unknown) == 1) != c.unknown {
			t.Errorf("%s: unknown %v", name, unknown)
		}
		frames := min(len(stored), 1)
		for _, u := range unknown {
			if u.Token != c.token || u.Credential != "a" || u.App != "blog" || u.Requests != 1 || u.Frames != frames || u.FirstSeen != u.LastSeen {
				t.Errorf("%s: remembers %+v", name, u)
			}
		}
		if got := d.Counts.Unlisted.Load(); (got == 1) != (c.status == 403) {
			t.Errorf("%s: counted %d refused", name, got)
		}
		if got := d.Counts.Unknown.Load(); (got == 1) != (c.unknown && c.status == 204) {
			t.Errorf("%s: counted %d unknown", name, got)
		}
	}
}

// A sender that makes tokens up takes no more memory than others: those that have
// been silent for longest are forgotten.
func TestUnknownDrainsAreBounded(t *testing.T) {
	t.Parallel()
	d := newDoor(t, Settings{}, accepting{})
	synctest.Test(t, func(t *testing.T) {
		s := open()
		s.UnknownDrains = config.QuarantineDrains
		d.Set(s)
		send := func(token string) {
			time.Sleep(time.Second)
			if got := d.answer(drainPost("/logs", "sesame", bytes.NewReader(frame("x")), "Logplex-Drain-Token", token)); got != 204 {
				t.Fatalf("answered %d", got)
			}
		}
		for n := range maxUnknown {
			send(fmt.Sprint(n))
		}
		send("0") // so 1 is the oldest
		for n := range 10 {
			send(fmt.Sprintf("new %d", n))
		}
		unknown := d.Unknown()
		if len(unknown) != maxUnknown || unknown[0].Token != "new 9" || unknown[10].Token != "0" || unknown[len(unknown)-1].Token != "11" {
			t.Errorf("remembers %d drains: %v %v … %v", len(unknown), unknown[0], unknown[10], unknown[len(unknown)-1])
		}
		if u := unknown[10]; u.Requests != 2 || u.Frames != 2 || u.LastSeen.Sub(u.FirstSeen) != maxUnknown*time.Second {
			t.Errorf("remembers %+v", u)
		}
		s.Drains = map[string]string{"new 9": "", "0": "shop"}
		d.Set(s)
		if left := d.Unknown(); len(left) != maxUnknown-2 || left[0].Token != "new 8" {
			t.Errorf("%d drains are unknown, %v first, when two are listed", len(left), left[0])
		}
	})
}

// Ten thousand drains are no reason for a reload to take long.
func BenchmarkSetTenThousandDrains(b *testing.B) {
	s := open()
	s.Drains = map[string]string{}
	for n := range 10_000 {
		s.Drains[fmt.Sprintf("d.%08d-270a-435a-a0ea-adf50b4e5f5a", n)] = "shop"
	}
	d := newDoor(b, open(), accepting{})
	for b.Loop() {
		d.Set(s)
	}
}
