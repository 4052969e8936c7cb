package logplex_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// show writes a message in one line: facility.severity time host app proc msgid text.
func show(m logplex.Message) string {
	stamp := "none"
	if m.HasTime {
		stamp = time.Unix(0, m.Time).UTC().Format("2006-01-02T15:04:05.999999999")
	}

	return fmt.Sprintf("%d.%d %s %q %q %q %q %q", m.Facility, m.Severity, stamp, m.Host, m.App, m.Proc, m.MsgID, m.Text)
}

func TestParse(t *testing.T) {
	t.Parallel()

	const (
		never  = logplex.SDNever
		always = logplex.SDAlways
	)

	tests := []struct {
		name  string
		frame string
		sd    logplex.SD
		want  string
	}{
		{"app line", "<190>1 2024-05-01T12:00:00.123456+00:00 host app web.1 - hello\n", never, `23.6 2024-05-01T12:00:00.123456 "host" "app" "web.1" "-" "hello"`},
		{"two line feeds", "<45>1 - h a p - x\n\n", never, `5.5 none "h" "a" "p" "-" "x\n"`},
		{"offset", "<0>1 2024-05-01T12:00:00.5-08:30 h a p - x", never, `0.0 2024-05-01T20:30:00.5 "h" "a" "p" "-" "x"`},
		{"empty text", "<190>1 - host app web.1 - ", never, `23.6 none "host" "app" "web.1" "-" ""`},
		{"empty text, trimmed", "<190>1 - host app web.1 -", never, `23.6 none "host" "app" "web.1" "-" ""`},
		{"empty message id", "<190>1 - host app web.1  - z", never, `23.6 none "host" "app" "web.1" "" "- z"`},
		{"empty fields", "<190>1      x", never, `23.6 none "" "" "" "" "x"`},
		{"brackets are text", "<190>1 - h a p - [info] x", never, `23.6 none "h" "a" "p" "-" "[info] x"`},
		{"dashes are text", "<190>1 - h a p - - - x", never, `23.6 none "h" "a" "p" "-" "- - x"`},
		{"nil data", "<190>1 - h a p - - x", always, `23.6 none "h" "a" "p" "-" "x"`},
		{"one nil data only", "<190>1 - h a p - - - x", always, `23.6 none "h" "a" "p" "-" "- x"`},
		{"nil data, empty text", "<190>1 - h a p - - ", always, `23.6 none "h" "a" "p" "-" ""`},
		{"nil data, no text", "<190>1 - h a p - -", always, `23.6 none "h" "a" "p" "-" ""`},
		{"dash of a text", "<190>1 - h a p - -x", always, `23.6 none "h" "a" "p" "-" "-x"`},
		{"no data", "<190>1 - h a p - x", always, `23.6 none "h" "a" "p" "-" "x"`},
		{"nothing", "<190>1 - h a p - ", always, `23.6 none "h" "a" "p" "-" ""`},
		{"element", `<190>1 - h a p - [a@1 k="v" l=""] x`, always, `23.6 none "h" "a" "p" "-" "x"`},
		{"elements", `<190>1 - h a p - [a][b k="]"] [c]`, always, `23.6 none "h" "a" "p" "-" "[c]"`},
		{"escapes", `<190>1 - h a p - [a k="\"] \\"] x`, always, `23.6 none "h" "a" "p" "-" "x"`},
		{"element, no text", `<190>1 - h a p - [a]`, always, `23.6 none "h" "a" "p" "-" ""`},
		{"element without an end", `<190>1 - h a p - [a k="v"`, always, `23.6 none "h" "a" "p" "-" "[a k=\"v\""`},
		{"value without an end", `<190>1 - h a p - [a k="v] x\`, always, `23.6 none "h" "a" "p" "-" "[a k=\"v] x\\"`},
		{"no quotes", `<190>1 - h a p - [a k=v] x`, always, `23.6 none "h" "a" "p" "-" "[a k=v] x"`},
		{"no id", `<190>1 - h a p - [] x`, always, `23.6 none "h" "a" "p" "-" "[] x"`},
		{"no name", `<190>1 - h a p - [a ="v"] x`, always, `23.6 none "h" "a" "p" "-" "[a =\"v\"] x"`},
		{"no space behind", `<190>1 - h a p - [a]x`, always, `23.6 none "h" "a" "p" "-" "[a]x"`},
		{"second element bad", `<190>1 - h a p - [a][b x`, always, `23.6 none "h" "a" "p" "-" "[a][b x"`},
		{"bracket only", `<190>1 - h a p - [`, always, `23.6 none "h" "a" "p" "-" "["`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			m, err := logplex.Parse([]byte(tt.frame), tt.sd)
			if err != nil {
				t.Fatal(err)
			}

			if got := show(m); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()

	tests := []struct {
		frame string
		want  error
	}{
		{"", logplex.ErrNoPriority},
		{"<", logplex.ErrNoPriority},
		{"<19", logplex.ErrNoPriority},
		{"<>1 - h a p - x", logplex.ErrNoPriority},
		{"<-1>1 - h a p - x", logplex.ErrNoPriority},
		{"<1x>1 - h a p - x", logplex.ErrNoPriority},
		{"2024-05-01T12:00:00Z no pri", logplex.ErrNoPriority},
		{"<192>1 - h a p - x", logplex.ErrPriority},
		{"<999>1 - h a p - x", logplex.ErrPriority},
		{"<99999999999999999999>1 - h a p - x", logplex.ErrPriority},
		{"<190>", logplex.ErrVersion},
		{"<190>1", logplex.ErrVersion},
		{"<190>2 - h a p - x", logplex.ErrVersion},
		{"<190>10 - h a p - x", logplex.ErrVersion},
		{"<190> - h a p - x", logplex.ErrVersion},
		{"<190>1 ", logplex.ErrFields},
		{"<190>1 -", logplex.ErrFields},
		{"<190>1 - h", logplex.ErrFields},
		{"<190>1 - h a", logplex.ErrFields},
		{"<190>1 - h a p", logplex.ErrFields},
	}
	for _, tt := range tests {
		if m, err := logplex.Parse([]byte(tt.frame), logplex.SDNever); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v and %s, want %v", tt.frame, err, show(m), tt.want)
		}
	}
}

func TestVectorsParse(t *testing.T) {
	t.Parallel()

	tests := []struct{ id, want string }{
		{"N1", `23.6 2024-05-01T12:00:00.123456 "host" "app" "web.1" "-" "hello"`},
		{"N5", `21.4 2025-03-18T07:44:02.283977 "host" "heroku" "logplex" "-" "Error L10 (output buffer overflow): 1 messages dropped since 2025-03-18T07:43:08.99958+00:00."`},
		{"N16", `23.6 2024-05-01T12:00:00.123456 "host" "app" "web.1" "-" "[info] looks like STRUCTURED-DATA"`},
		{"N17", `23.6 2024-05-01T12:00:00.123456 "host" "app" "web.1" "-" "- - dashes"`},
		{"N18", `23.6 2024-05-01T12:00:00.123456 "host" "app" "web.1" "-" "line1\nline2\n\tat x"`},
		{"N20", `23.6 2024-05-01T12:00:00.123456 "host" "app" "web.1" "-" ""`},
		{"N21", `23.6 2024-05-01T12:00:00.123456 "host" "app" "web.1" "-" "\xff\xfe\x00\x1b[31mred\x1b[0m"`},
		{"N23", `23.6 2026-11-22T01:41:50.321289 "shuttle" "token" "shuttle" "-" "line one"`},
		{"N24", `21.4 2024-05-01T12:00:05 "heroku" "token" "log-shuttle" "-" "Error L13: 7 messages lost since 2024-05-01T11:59:00.000000+00:00"`},
		{"N25", `5.0 2012-11-30T06:45:29 "heroku" "web.3" "d.73ea7440-270a-435a-a0ea-adf50b4e5f5a" "-" "State changed from starting to up"`},
		{"N26", `5.5 2015-05-12T17:47:18.857418 "d.aaaaaaaa-0000-4000-8000-000000000000" "heroku" "web.1" "-" "syslog-drain form"`},
		{"X16", `23.6 none "host" "app" "web.1" "-" "nil timestamp"`},
		{"X17", `23.6 none "host" "app" "web.1" "-" "x"`},
		{"X19", `23.6 2024-05-01T12:00:00 "host" "app" "web.1" "" "- z"`},
		{"X20", `23.6 2024-05-01T12:00:00.123456 "host" "app" "web.1" "-" "83 <190>1 2024-05-01T12:00:00Z host app web.1 - forged"`},
	}
	for _, tt := range tests {
		s := logplex.Scan(logplextest.Body(t, tt.id))
		if !s.Next() {
			t.Fatalf("%s: %v", tt.id, s.Err())
		}

		m, err := logplex.Parse(s.Frame(), vectorSD(tt.id))
		if err != nil {
			t.Fatalf("%s: %v", tt.id, err)
		}

		if got := show(m); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.id, got, tt.want)
		}
	}
}

func TestSDFor(t *testing.T) {
	t.Parallel()

	const token = "d.aaaaaaaa-0000-4000-8000-000000000000"

	tests := []struct {
		userAgent, token string
		want             logplex.SD
	}{
		{"Logplex/v73", token, logplex.SDNever},
		{"Logplex/v73", "", logplex.SDNever},
		{"", token, logplex.SDNever},
		{"curl/8.5.0", token, logplex.SDNever},
		{"log-shuttle/0.22.0 (go1.22; linux; amd64; gc)", "", logplex.SDAlways},
		{"log-shuttle/0.22.0 (go1.22; linux; amd64; gc)", token, logplex.SDAlways},
		{"curl/8.5.0", "", logplex.SDAlways},
		{"", "", logplex.SDAlways},
	}
	for _, tt := range tests {
		if got := logplex.SDFor(tt.userAgent, tt.token); got != tt.want {
			t.Errorf("SDFor(%q, %q) = %d, want %d", tt.userAgent, tt.token, got, tt.want)
		}
	}
}

var (
	plainHeader = regexp.MustCompile(`(?s)^<([0-9]{1,3})>1 ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*)(?: (.*))?$`)
	plainData   = regexp.MustCompile(`(?s)^(?:-|(?:\[[!#-<>-\\^-~]+(?: [!#-<>-\\^-~]+="(?:[^"\\]|\\.)*")*\])+)(?: |$)`)
)

// plainParse is the header by regular expressions and time.Parse.
func plainParse(frame []byte, sd logplex.SD) (logplex.Message, bool) {
	fields := plainHeader.FindSubmatch(frame)
	if fields == nil {
		return logplex.Message{}, false
	}

	priority, err := strconv.Atoi(string(fields[1]))
	if err != nil || priority > 191 {
		return logplex.Message{}, false
	}

	text := fields[7]
	if sd == logplex.SDAlways {
		text = bytes.TrimPrefix(text, plainData.Find(text))
	}

	ts, ok := plainTime(string(fields[2]))

	return logplex.Message{
		Time: ts, HasTime: ok, Facility: uint8(priority / 8), Severity: uint8(priority % 8),
		Host: fields[3], App: fields[4], Proc: fields[5], MsgID: fields[6], Text: bytes.TrimSuffix(text, []byte("\n")),
	}, true
}

func FuzzParse(f *testing.F) {
	for _, v := range logplextest.Vectors(f) {
		s := logplex.Scan(v.Body)
		for s.Next() {
			f.Add(s.Frame(), true)
			f.Add(s.Frame(), false)
		}
	}

	f.Add([]byte(`<190>1 2024-02-29T23:59:59.999999999-23:59 h a p m [a@1 k="\"]" l=""][b] x`), true)

	f.Fuzz(func(t *testing.T, frame []byte, strip bool) {
		sd := logplex.SDNever
		if strip {
			sd = logplex.SDAlways
		}

		got, err := logplex.Parse(frame, sd)

		want, ok := plainParse(frame, sd)
		if ok != (err == nil) {
			t.Fatalf("error %v, want a message: %t", err, ok)
		}

		if show(got) != show(want) {
			t.Fatalf("%q\ngot  %s\nwant %s", frame, show(got), show(want))
		}
	})
}

func TestEncodedFramesComeBack(t *testing.T) {
	t.Parallel()

	field := rapid.StringMatching(`[!-~]{1,20}`)

	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 8).Draw(t, "frames")
		want := make([]string, 0, n)

		var body []byte

		for range n {
			priority := rapid.Uint8Range(0, 191).Draw(t, "priority")
			ts := time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "time")).UTC()
			host, app, proc := field.Draw(t, "host"), field.Draw(t, "app"), field.Draw(t, "proc")
			text := rapid.SliceOf(rapid.Byte()).Draw(t, "text")

			body = logplex.AppendFrame(body, priority, ts, host, app, proc, text)
			want = append(want, show(logplex.Message{
				Time: ts.UnixNano(), HasTime: true, Facility: priority / 8, Severity: priority % 8,
				Host: []byte(host), App: []byte(app), Proc: []byte(proc), MsgID: []byte("-"), Text: bytes.TrimSuffix(text, []byte("\n")),
			}))
		}

		found, offset, err := frames(body)
		if err != nil || offset != len(body) || len(found) != len(want) {
			t.Fatalf("%d frames, %d of %d bytes, %v", len(found), offset, len(body), err)
		}

		for i, frame := range found {
			m, err := logplex.Parse(frame, logplex.SDNever)
			if err != nil || show(m) != want[i] {
				t.Fatalf("got  %s (%v)\nwant %s", show(m), err, want[i])
			}
		}
	})
}

func TestAppendFrameWritesWhatLogplexWrites(t *testing.T) {
	t.Parallel()

	ts := time.Date(2024, 5, 1, 12, 0, 0, 123456000, time.UTC)

	got := logplex.AppendFrame(nil, 190, ts, "host", "app", "web.1", "hello\n")
	if want := logplextest.Body(t, "N1"); !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}

	got = logplex.AppendFrame([]byte("1 x"), 190, ts, strings.Repeat("h", 300), "app", "web.1", []byte("hi"))
	if found, _, err := frames(got); err != nil || len(found) != 2 {
		t.Errorf("%d frames (%v), want the one before and the new one", len(found), err)
	}
}
