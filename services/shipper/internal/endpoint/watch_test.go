package endpoint

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestWatchSaysOnce(t *testing.T) {
	t.Parallel()
	var (
		retry   = &RetryError{Err: errors.New("busy")}
		hold    = &HoldError{Err: errors.New("token")}
		refused = &RefusedError{}
	)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f := func(name, want string, outcomes ...any) {
		t.Helper()
		var log bytes.Buffer
		w := watch{log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: levelOnly}))}
		at := now
		for _, o := range outcomes {
			switch o := o.(type) {
			case time.Duration:
				at = at.Add(o)
			case error:
				w.note(o, at)
			default:
				w.note(nil, at)
			}
		}
		if got := strings.Join(strings.Fields(log.String()), " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	const ok = "ok"
	f("fine", "", ok, ok)
	f("single 503", "", ok, retry, ok, retry, retry, ok)
	f("away", "level=WARN", retry, retry, retry, retry)
	f("away and back", "level=WARN level=INFO", retry, retry, retry, ok, ok)
	f("held", "level=ERROR", hold, hold, hold)
	f("held and cured", "level=ERROR level=INFO", hold, hold, ok, ok)
	f("cured by a refusal", "level=ERROR level=INFO", hold, refused)
	f("away, then held", "level=WARN level=ERROR level=INFO", retry, retry, retry, hold, retry, hold, ok)
	f("comes and goes", "level=ERROR level=INFO", hold, ok, hold, ok, hold, ok)
	f("comes again later", "level=ERROR level=INFO level=ERROR", hold, ok, time.Hour, hold)
	f("came again and stays", "level=ERROR level=INFO level=ERROR", hold, ok, hold, time.Hour, hold, hold)
}

func levelOnly(_ []string, a slog.Attr) slog.Attr {
	if a.Key != slog.LevelKey {
		return slog.Attr{}
	}
	return a
}
