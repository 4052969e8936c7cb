package parcel_test

import (
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/ingest/internal/parcel"
)

func TestText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "s"))
		n := rapid.IntRange(0, 20).Draw(t, "n")
		got := parcel.Text(s, n)
		if len(got) > n || !utf8.ValidString(got) {
			t.Fatalf("Text(%q, %d) is %q", s, n, got)
		}
		if len(s) <= n && utf8.ValidString(s) && got != s {
			t.Fatalf("Text(%q, %d) changed it to %q", s, n, got)
		}
	})
}
