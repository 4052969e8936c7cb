package display_test

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/services/internal/display"
)

func TestTextCommandsNoTerminal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "",
		"plain, ünïcode éß ✓":    "plain, ünïcode éß ✓",
		"\x1b[31mred\x1b[0m":     " [31mred [0m",
		"a\r\n\tb\x00\x7f\u0085": "a   b   ",
		"a\xff\xfeb":             "a  b",
		"a\u202eb\u200b":         "a b ", // turns the direction of writing, and has no width
		"\uFFFD":                 " ",
	} {
		if got := display.Text(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"éßøx", 3, "éß…"},
		{"éßø", 3, "éßø"},
		{"a\nb\nc", 4, "a b…"},
		{"\xff\xff\xff", 2, " …"},
		{"abc", 1, "…"},
		{"abc", 0, ""},
		{"", 1, ""},
		{strings.Repeat("x", 1<<20), 2, "x…"},
	} {
		if got := display.Cut(c.text, c.most); got != c.want {
			t.Errorf("%d characters of %.10q are %q, want %q", c.most, c.text, got, c.want)
		}
	}
}
