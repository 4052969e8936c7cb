package bus

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAStallIsToldOnceAndItsEnd(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	js := s.admin()
	full := rawConfig()
	full.MaxBytes = 1
	createStreams(t, js, shortWait, full)
	var log logBook
	o := testOptions(s.url())
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var publishers sync.WaitGroup
	for _, payload := range []string{"a", "b", "c"} {
		publishers.Go(func() {
			if err := c.Publish(soon(t), rawMsg(payload)); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "the stall is told", func() bool { return strings.Contains(log.String(), "maximum bytes exceeded") })
	if _, err := js.UpdateStream(t.Context(), rawConfig()); err != nil {
		t.Fatal(err)
	}
	publishers.Wait()
	for _, want := range []string{"level=WARN", "stores nothing", "level=INFO", "stores again"} {
		if got := strings.Count(log.String(), want); got != 1 {
			t.Errorf("%d times %q in\n%s", got, want, &log)
		}
	}
	if got := strings.Count(log.String(), "subject=t.raw.s0"); got != 2 {
		t.Errorf("the subject is named %d times", got)
	}
}

func TestStallsThatNobodySawEndAreForgotten(t *testing.T) {
	t.Parallel()
	var s stalls
	log := slog.New(slog.DiscardHandler)
	s.failed(t.Context(), log, "quick", time.Now(), errAway)
	s.failed(t.Context(), log, "given up", time.Now().Add(-stallAfter), errAway)
	s.known["given up"].last = time.Now().Add(-time.Hour)
	s.failed(t.Context(), log, "now", time.Now().Add(-stallAfter), errAway)
	if len(s.known) != 1 || s.known["now"] == nil {
		t.Errorf("known: %v", s.known)
	}
}
