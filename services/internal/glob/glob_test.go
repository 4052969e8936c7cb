package glob_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/internal/glob"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ patterns, matches, others []string }{
		{nil, nil, []string{"a", ""}},
		{[]string{""}, []string{""}, []string{"a"}},
		{[]string{"*"}, []string{"", "a"}, nil},
		{[]string{"**"}, []string{"", "a"}, nil},
		{[]string{"heroku_app"}, []string{"heroku_app"}, []string{"heroku_apps", "heroku_ap", "Heroku_app", ""}},
		{[]string{"heroku_*", "env"}, []string{"heroku_", "heroku_app", "env"}, []string{"heroku", "xheroku_app", "envs"}},
		{[]string{"*_ms"}, []string{"_ms", "db_ms"}, []string{"ms", "_ms_"}},
		{[]string{"*ab"}, []string{"aab", "abab"}, []string{"aba"}},
		{[]string{"a*a"}, []string{"aa", "a.a"}, []string{"a", "ab"}},
		{[]string{"ab*ba"}, []string{"abba"}, []string{"aba"}},
		{[]string{"a.*"}, []string{"a.b"}, []string{"ab"}},
		{[]string{"a*b*c"}, []string{"abc", "a-bb-c-c"}, []string{"acb", "ab"}},
	} {
		for _, name := range c.matches {
			if !glob.Match(c.patterns, name) {
				t.Errorf("%q do not match %q", c.patterns, name)
			}
		}
		for _, name := range c.others {
			if glob.Match(c.patterns, name) {
				t.Errorf("%q match %q", c.patterns, name)
			}
		}
	}
}

// A pattern is what it would be as a regular expression.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", ""},
		{"tmp_*", "tmp_"},
		{"a*b*c", "axbxbc"},
		{"*ab", "aab"},
		{"a**", "a"},
		{"ab*ba", "aba"},
		{"", "x"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		plain, err := regexp.Compile(`(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `\z`)
		if got := glob.Match([]string{pattern}, name); err == nil && got != plain.MatchString(name) {
			t.Errorf("%q matches %q: %v", pattern, name, got)
		}
	})
}
