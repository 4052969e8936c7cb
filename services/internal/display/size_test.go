package display_test

import (
	"testing"
	"time"

	"github.com/drainline/drainline/services/internal/display"
)

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 2_147_483_648: "2.1 GB", 1_500_000: "1.5 MB"} {
		if got := display.Bytes(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 90 * time.Second: "1m30s", 3*time.Hour + 59*time.Second: "3h0m", 50 * time.Hour: "2d2h",
	} {
		if got := display.Span(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
