package nearest

import (
	"strings"
	"testing"
)

func TestHint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, known, want string }{
		{"evnets", "dead events filtered", ", the nearest is events"},
		{"x", "b a", ", the nearest is a"},
		{"", "abc de", ", the nearest is de"},
		{strings.Repeat("x", 1<<20), "abc", ", the nearest is abc"},
		{"x", "", ""},
	} {
		if got := Hint(c.name, strings.Fields(c.known)); got != c.want {
			t.Errorf("%.20s among %s: %q, want %q", c.name, c.known, got, c.want)
		}
	}
}
