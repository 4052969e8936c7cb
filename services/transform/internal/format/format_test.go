package format_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/format"
	"github.com/drainline/drainline/services/transform/internal/heroku"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is an event with a name.
type sample struct {
	name  string
	event *event.Event
}

// frameEvent makes an event of a frame with its length in front, as transform does. It is
// nil for what is no frame.
func frameEvent(whole []byte, sd logplex.SD) *event.Event {
	s := logplex.Scan(whole)
	if !s.Next() {
		return nil
	}
	m, err := logplex.Parse(s.Frame(), sd)
	if err != nil {
		return nil
	}
	e := &event.Event{Line: m, Frame: whole[:s.Offset()], Meaning: heroku.Classify(&m)}
	e.Text = m.Text
	return e
}

func line(text string) *event.Event {
	at := time.Date(2024, 5, 1, 12, 0, 0, 123456000, time.UTC)
	return frameEvent(logplex.AppendFrame(nil, 190, at, "host", "app", "web.1", text+"\n"), logplex.SDNever)
}

// vectors are the bodies that senders send.
func vectors(tb testing.TB) []logplextest.Vector {
	tb.Helper()
	return slices.DeleteFunc(logplextest.Vectors(tb), func(v logplextest.Vector) bool { return !strings.HasPrefix(v.ID, "N") })
}

// events are those of a vector. Three come from senders that write STRUCTURED-DATA.
func events(v logplextest.Vector) []*event.Event {
	sd := logplex.SDNever
	if slices.Contains([]string{"N23", "N24", "N26"}, v.ID) {
		sd = logplex.SDAlways
	}
	var events []*event.Event
	start := 0
	for s := logplex.Scan(v.Body); s.Next(); start = s.Offset() {
		if e := frameEvent(v.Body[start:s.Offset()], sd); e != nil {
			events = append(events, e)
		}
	}
	return events
}

func samples(tb testing.TB) []sample {
	tb.Helper()
	var all []sample
	for _, v := range vectors(tb) {
		for i, e := range events(v) {
			all = append(all, sample{fmt.Sprintf("%s.%d", v.ID, i+1), e})
		}
	}
	joined := line("java.lang.Error: x")
	joined.SetText([]byte("java.lang.Error: x\n\tat y"))
	joined.Line.Text = joined.Text
	redacted := line("token=secret user=7")
	redacted.SetText([]byte("token=*** user=7"))
	parsed := line("user=7 took=12ms ok=true")
	logfmt, err := parse.New(config.ParseLogfmt)
	if err != nil {
		tb.Fatal(err)
	}
	parsed.ParseWith(logfmt)
	query := line("with query")
	query.Request = &drainlinev1.Request{Query: map[string]string{
		"app": "shop", "env": "\"prod\"", "timestamp": "now", "host": "me", "zone": strings.Repeat("eu", 20),
	}}
	body := line("as JSON")
	body.SetJSON([]byte(`{"a":1}`))
	all = append(all,
		sample{"joined", joined}, sample{"redacted", redacted}, sample{"parsed", parsed}, sample{"query", query}, sample{"body", body},
		sample{"object", line(` {"level":"info","n":{"x":[1]}} `)}, sample{"no object", line(`{"level":"info"`)},
		sample{"deep", line(strings.Repeat(`{"":`, 257) + "0" + strings.Repeat("}", 257))},
		sample{"not UTF-8", line("{\"a\":\"\xff\"}")}, sample{"empty", line("")}, sample{"CR", line("hello\r")},
		sample{"line feeds", line("one\n two\n")},
	)
	for _, text := range []string{"hello", ""} {
		e := &event.Event{}
		e.SetText([]byte(text))
		all = append(all, sample{"HEC text", e})
	}
	for _, value := range []string{`{ "a": 1 }`, `[1,{"a":2}]`, `1`} {
		e := &event.Event{}
		e.SetJSON([]byte(value))
		all = append(all, sample{"HEC JSON", e})
	}
	return all
}

// A line of a golden file is the name of the event and what it is shaped to: JSON, a
// quoted text, or nothing where it stays.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, word := range []string{config.FormatSplunkRaw, config.FormatVector, config.FormatJSON} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			for _, s := range samples(t) {
				body, isJSON, ok := format.Append([]byte("before "), word, s.event)
				rest, kept := bytes.CutPrefix(body, []byte("before "))
				switch {
				case !kept || !ok && (isJSON || len(rest) > 0):
					t.Errorf("%s: appended %q, JSON %v, shaped %v", s.name, body, isJSON, ok)
				case !ok:
					fmt.Fprintln(&got, s.name, "stays")
				case isJSON:
					fmt.Fprintf(&got, "%s %s\n", s.name, rest)
				default:
					fmt.Fprintf(&got, "%s %q\n", s.name, rest)
				}
				if isJSON && !json.Valid(rest) {
					t.Errorf("%s: no JSON: %s", s.name, rest)
				}
			}
			compare(t, word+".golden", got.Bytes())
		})
	}
}

func TestTextStays(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		for _, word := range []string{config.FormatText, ""} {
			if body, isJSON, ok := format.Append(nil, word, s.event); ok || isJSON || body != nil {
				t.Errorf("%s: %q", s.name, body)
			}
		}
	}
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s", name, got)
	}
}

// What is shaped is what the lines are that HEC's raw endpoint makes of a body, where
// line feeds part its frames.
func TestSplunkRawIsWhatSplunkBreaks(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, v := range vectors(t) {
		var want []string
		for _, e := range events(v) {
			body, _, ok := format.Append(nil, config.FormatSplunkRaw, e)
			if !ok {
				t.Fatalf("%s: a frame stays", v.ID)
			}
			for line := range hec.Lines(body) {
				want = append(want, string(line))
			}
			if !bytes.HasSuffix(e.Frame, []byte("\n")) && len(events(v)) > 1 {
				want = nil
				break
			}
		}
		if want == nil {
			continue
		}
		compared++
		var got []string
		for line := range hec.Lines(v.Body) {
			got = append(got, string(line))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", v.ID, want, got)
		}
	}
	if compared < 15 {
		t.Errorf("%d bodies compared", compared)
	}
}

//nolint:paralleltest // AllocsPerRun counts what the whole process allocates.
func TestFormatsDoNotAllocate(t *testing.T) {
	all := samples(t)
	dst := make([]byte, 0, 64<<10)
	for _, word := range []string{config.FormatSplunkRaw, config.FormatVector, config.FormatJSON} {
		for _, s := range all {
			if allocs := testing.AllocsPerRun(10, func() { format.Append(dst, word, s.event) }); allocs != 0 {
				t.Errorf("%s, %s: %v allocations", word, s.name, allocs)
			}
		}
	}
}

func FuzzAppend(f *testing.F) {
	for _, s := range samples(f) {
		if len(s.event.Frame) > 0 {
			f.Add(s.event.Frame, string(s.event.Text), true)
		}
	}
	f.Fuzz(func(t *testing.T, whole []byte, text string, structured bool) {
		sd := logplex.SDNever
		if structured {
			sd = logplex.SDAlways
		}
		e := frameEvent(whole, sd)
		if e == nil {
			return
		}
		sent, _, _ := format.Append(nil, config.FormatSplunkRaw, e)
		if want := bytes.TrimRight(e.Frame, "\r\n"); !bytes.Equal(sent, want) {
			t.Errorf("%q is sent as %q", want, sent)
		}
		e.SetText([]byte(text))
		changed, _, _ := format.Append(nil, config.FormatSplunkRaw, e)
		if header := strings.TrimSuffix(string(changed), strings.TrimRight(text, "\r\n")); !strings.HasPrefix(string(sent), header) {
			t.Errorf("%q becomes %q", sent, changed)
		}
		for _, word := range []string{config.FormatVector, config.FormatJSON} {
			body, isJSON, ok := format.Append(nil, word, e)
			var object map[string]any
			if err := json.Unmarshal(body, &object); err != nil || !isJSON || !ok || len(object) == 0 && word == config.FormatVector {
				t.Errorf("%s of %q: %s: %v", word, text, body, err)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	e := line(strings.Repeat("hello world ", 12))
	for _, word := range []string{config.FormatSplunkRaw, config.FormatVector, config.FormatJSON} {
		b.Run(word, func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst, _, _ = format.Append(dst[:0], word, e)
			}
		})
	}
}
