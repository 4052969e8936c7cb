package heroku_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

func parse(tb testing.TB, frame string) logplex.Message {
	tb.Helper()

	m, err := logplex.Parse([]byte(frame), logplex.SDNever)
	if err != nil {
		tb.Fatal(err)
	}

	return m
}

func TestLongNamesAreNone(t *testing.T) {
	t.Parallel()

	for _, name := range []string{strings.Repeat("w", 127), strings.Repeat("w", 126) + ".1"} {
		long, longer := parse(t, "<190>1 - host app "+name+" - x"), parse(t, "<190>1 - host app w"+name+"1 - x")

		if l := heroku.Classify(&long); len(l.Process) == 0 {
			t.Errorf("%d bytes: no process", len(name))
		}

		if l := heroku.Classify(&longer); l.Process != nil || l.Dyno != nil {
			t.Errorf("%d bytes: process %q, dyno %q", len(name)+2, l.Process, l.Dyno)
		}
	}
}

//nolint:paralleltest // AllocsPerRun counts what the whole process allocates.
func TestClassifyDoesNotAllocate(t *testing.T) {
	var messages []logplex.Message
	for _, v := range logplextest.Vectors(t) {
		messages = append(messages, messagesOf(v)...)
	}

	long := strings.Repeat("x", 500)
	messages = append(messages, parse(t, "<190>1 - "+long+" "+long+" "+long+" - Error L12: "+long))

	process := 0

	allocs := testing.AllocsPerRun(20, func() {
		for i := range messages {
			process += len(heroku.Classify(&messages[i]).Process)
		}
	})
	if allocs != 0 || process == 0 {
		t.Errorf("%v allocations for %d messages", allocs, len(messages))
	}
}

func TestHostApp(t *testing.T) {
	t.Parallel()

	tests := []struct{ host, want string }{
		{"", ""},
		{"-", ""},
		{"host", ""},
		{"app", ""},
		{"heroku", ""},
		{"shuttle", ""},
		{"d.aaaaaaaa-0000-4000-8000-000000000000", ""},
		{"d.AAAAAAAA-0000-4000-8000-00000000000F", ""},
		{"d.aaaaaaaa-0000-4000-8000-00000000000", "d.aaaaaaaa-0000-4000-8000-00000000000"},
		{"d.gaaaaaaa-0000-4000-8000-000000000000", "d.gaaaaaaa-0000-4000-8000-000000000000"},
		{"d.aaaaaaaa00000-4000-8000-000000000000", "d.aaaaaaaa00000-4000-8000-000000000000"},
		{"my-app", "my-app"},
		{"Host", "Host"},
		{strings.Repeat("h", 255), strings.Repeat("h", 255)},
		{strings.Repeat("h", 256), ""},
		{"caf\xc3\xa9", ""},
		{"my\x00app", ""},
		{"my\napp", ""},
		{"my app", ""},
	}
	for _, tt := range tests {
		if got := heroku.HostApp([]byte(tt.host)); string(got) != tt.want {
			t.Errorf("HostApp(%q) = %q, want %q", tt.host, got, tt.want)
		}
	}
}

var (
	plainQuoted  = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*(?:"|\\?$)`)
	plainCode    = regexp.MustCompile(`^H[0-9][0-9]$`)
	plainDyno    = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[0-9]+$`)
	plainAnyCode = regexp.MustCompile(`^([HRL][0-9][0-9])?$`)
	plainProcess = regexp.MustCompile(`^[!-~]{0,128}$`)
)

// plainValue masks what is quoted, cuts at spaces, and looks at one pair after another
// up to the dyno.
func plainValue(text, key string, valid *regexp.Regexp) string {
	for pair := range strings.SplitSeq(plainQuoted.ReplaceAllLiteralString(text, `"`), " ") {
		if value, ok := strings.CutPrefix(pair, key); ok {
			value, _, _ = strings.Cut(value, `"`)

			return valid.FindString(value)
		}

		if strings.HasPrefix(pair, "dyno=") {
			break
		}
	}

	return ""
}

func FuzzRouterLine(f *testing.F) {
	for _, v := range logplextest.Vectors(f) {
		for _, m := range messagesOf(v) {
			f.Add(string(m.Text))
		}
	}

	f.Add(`code=H12 dyno=web.1`)
	f.Add(`a="\\\" code=H12" code=H13 dyno="x"dyno=web.1 dyno=web.2`)

	f.Fuzz(func(t *testing.T, text string) {
		m := logplex.Message{App: []byte("heroku"), Proc: []byte("router"), Text: []byte(text)}
		l := heroku.Classify(&m)

		if code := plainValue(text, "code=", plainCode); string(l.Code) != code {
			t.Errorf("code %q, want %q", l.Code, code)
		}

		// Dynos with generated names are beyond the plain version.
		dyno := plainValue(text, "dyno=", plainDyno)
		if dyno != string(l.Dyno) && (dyno != "" || strings.Contains(string(l.Dyno), ".") || len(dyno) > 128) {
			t.Errorf("dyno %q, want %q", l.Dyno, dyno)
		}
	})
}

func FuzzClassify(f *testing.F) {
	for _, v := range logplextest.Vectors(f) {
		for _, m := range messagesOf(v) {
			f.Add(m.Host, m.App, m.Proc, m.Text, m.Facility)
		}
	}

	kinds := []heroku.Kind{heroku.KindApp, heroku.KindRouter, heroku.KindAPI, heroku.KindSystem, heroku.KindAddon}

	f.Fuzz(func(t *testing.T, host, app, proc, text []byte, facility uint8) {
		m := logplex.Message{Host: host, App: app, Proc: proc, Text: text, Facility: facility}
		l := heroku.Classify(&m)

		if !slices.Contains(kinds, l.Kind) {
			t.Errorf("kind %q", l.Kind)
		}

		if !plainAnyCode.Match(l.Code) || len(l.Code) > 0 && l.Kind != heroku.KindRouter && l.Kind != heroku.KindSystem {
			t.Errorf("%s line with code %q", l.Kind, l.Code)
		}

		if !plainProcess.Match(l.Process) || !plainProcess.Match(l.Dyno) {
			t.Errorf("process %q, dyno %q", l.Process, l.Dyno)
		}

		if len(l.Dyno) > 0 && l.Kind != heroku.KindRouter && !bytes.HasPrefix(l.Dyno, l.Process) {
			t.Errorf("dyno %q of process %q", l.Dyno, l.Process)
		}

		if name := heroku.HostApp(host); name != nil && !bytes.Equal(name, host) || len(name) > 255 {
			t.Errorf("app %q of host %q", name, host)
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	for _, id := range []string{"N1", "N6", "N8", "N10", "N12", "N14"} {
		for _, v := range logplextest.Vectors(b) {
			if v.ID != id {
				continue
			}

			m := messagesOf(v)[0]

			b.Run(id+"_"+string(heroku.Classify(&m).Kind), func(b *testing.B) {
				b.ReportAllocs()

				for b.Loop() {
					heroku.Classify(&m)
				}
			})
		}
	}
}

// TestHostileLines would take longer than go test allows (10 minutes) if anything took
// the square of the length.
func TestHostileLines(t *testing.T) {
	t.Parallel()

	const size = 16 << 20

	var list fields.List

	for _, c := range []struct{ app, proc, begin, part string }{
		{"heroku", "router", `at=info path="`, `\\`},
		{"heroku", "router", `at=info path="`, `\"`},
		{"heroku", "router", `at=info`, ` code="`},
		{"heroku", "router", ``, `=`},
		{"heroku", "web.1", `Error L10 (`, ` 0 message`},
		{"heroku", "web.1", `Error R14 (`, `)`},
		{"heroku", "web.1", `State changed from `, ` to `},
		{"heroku", "web.1", `source=web.1 a="`, `\\`},
		{"heroku", "web.1", `sample#a-b=1 `, `sample#a-b=1kB `},
		{"app", "api", `Set `, ` by user`},
		{"app", "api", `Deploy `, ` by user a`},
		{"app", "postgres.1", `[A] [1-1]`, ` `},
		{"app", "postgres.1", `[A] [1-1] sql_error_code = 0 `, `pid="7" `},
		{"app", "postgres.1", `[A] [1-1] sql_error_code = 0 `, `pid = `},
		{"app", "postgres.1", `[`, `] [`},
	} {
		text := []byte(c.begin + strings.Repeat(c.part, size/len(c.part)) + `"`)
		m := logplex.Message{App: []byte(c.app), Proc: []byte(c.proc), Text: text}
		line := heroku.Classify(&m)
		list.Reset()
		heroku.Parse(&list, &line, text)
	}
}
