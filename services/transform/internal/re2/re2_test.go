package re2

import (
	"strings"
	"testing"
)

func TestCompile(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		``:         ``,
		`sk_live_`: ``,
		`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b`: ``, // UUID
		// HTML's input type=email.
		"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*": ``,
		// RFC 5322.
		"(?:[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*|\"(?:[\\x01-\\x08\\x0b\\x0c\\x0e-\\x1f\\x21\\x23-\\x5b\\x5d-\\x7f]|" +
			"\\\\[\\x01-\\x09\\x0b\\x0c\\x0e-\\x7f])*\")@(?:(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?|" +
			"\\[(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?|[a-z0-9-]*[a-z0-9]:)\\])": ``,
		// nginx combined.
		`^(?P<ip>\S+) - (?P<user>\S+) \[(?P<time>[\w:/]+\s[+\-]\d{4})\] "(?P<method>[A-Z]+) (?P<path>\S+) (?P<protocol>HTTP/\d(?:\.\d)?)" ` +
			`(?P<status>\d{3}) (?P<bytes>\d+|-) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"$`: ``,
		`^` + strings.Repeat(`(\w+)=("[^"]*"|\S+) `, 15) + `$`: ``, // 30 groups
		`github_pat_[0-9a-zA-Z_]{22,}`:                         ``,

		`(`:           "error parsing regexp: missing closing ): `(`",
		`(.*a){500}b`: `the pattern is too large: 2503 instructions, at most 500. {0,250} counts 250 times what it repeats, {0,} once`,
		`\w{0,250}x`:  `the pattern is too large: 503 instructions, at most 500. {0,250} counts 250 times what it repeats, {0,} once`,
	} {
		expression, err := Compile(source)
		switch {
		case err != nil:
			if err.Error() != want {
				t.Errorf("%s: %v; want %q", source, err, want)
			}
		case want != "" || expression.String() != source:
			t.Errorf("%s: compiled %s; want %q", source, expression, want)
		}
	}
}
