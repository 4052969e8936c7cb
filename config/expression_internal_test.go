package config

import (
	"regexp"
	"testing"
)

func TestMatchesNothing(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]bool{
		"": true, "a": false, "a*": true, "a+": false, "a?": true, "(a|b)": false, "(a|)": true, "a{0,2}": true, "a{2}": false, "(a*){2}": true,
		"^": true, "$": true, `\b`: true, `\B`: true, `^a$`: false, "[a-z]": false, ".": false, "(?s).": false, "(?i)a": false, "a|b*": true,
		`\ba*\b`: true, `\ba+\b`: false, "(?:)": true, `[^\x00-\x{10FFFF}]`: false, "(a*)+": true, "a*b": false,
	} {
		if got := matchesNothing(expr); got != want {
			t.Errorf("%q: %v, want %v", expr, got, want)
		}
	}
}

// FuzzMatchesNothing holds it to what the expression finds: nothing of no length
// where it says so.
func FuzzMatchesNothing(f *testing.F) {
	for _, expr := range []string{"a*", `\b`, "(a|b)+", "^x?$", "(?m)^", "a{0,3}", `[^a]`} {
		f.Add(expr, "a b\nc")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		if mistakeIn(expr) != "" || matchesNothing(expr) {
			return
		}
		for _, at := range regexp.MustCompile(expr).FindAllStringIndex(text, -1) {
			if at[0] == at[1] {
				t.Errorf("%q matches empty text in %q", expr, text)
			}
		}
	})
}
