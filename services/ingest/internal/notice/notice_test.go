package notice_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drainline/drainline/services/ingest/internal/notice"
)

func TestSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s notice.Seldom
		for i, c := range []struct {
			after time.Duration
			times int
			ok    bool
		}{{0, 1, true}, {time.Second, 0, false}, {8 * time.Second, 0, false}, {time.Second, 3, true}, {time.Hour, 1, true}, {0, 0, false}} {
			time.Sleep(c.after)
			if times, ok := s.Speak(); times != c.times || ok != c.ok {
				t.Errorf("%d: %d times, %v", i, times, ok)
			}
		}
	})
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		trouble := notice.NewTrouble(slog.New(slog.NewTextHandler(&log, nil)))
		trouble.Passed() // says nothing
		for range 2 {
			trouble.Failed(t.Context(), errors.New("the bus is down"))
			trouble.Failed(t.Context(), errors.New("the bus is down"))
			trouble.Passed()
			trouble.Passed()
			time.Sleep(time.Minute)
		}
		text := log.String()
		if strings.Count(text, "the bus is down") != 2 || strings.Count(text, "stored again") != 2 || !strings.Contains(text, "requests=2") {
			t.Errorf("log:\n%s", text)
		}
	})
}
