package hec_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

func lines(body string) []string {
	var all []string
	for line := range hec.Lines([]byte(body)) {
		all = append(all, string(line))
	}
	return all
}

func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 70<<10)
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"V32 one", "conformance raw event", []string{"conformance raw event"}},
		{"V33 line ends", "one\r\ntwo\n\n  \nthree", []string{"one", "two", "three"}},
		{"V34 nothing", "\n\r\n", nil},
		{"no bytes", "", nil},
		{"OpenTelemetry", "hello 0\nhello 1\nhello 2\n", []string{"hello 0", "hello 1", "hello 2"}},
		{"only one CR goes", "a\r\r\nb\rc\r", []string{"a\r", "b\rc"}},
		{"blanks inside stay", "  a \n\tb", []string{"  a ", "\tb"}},
		{"other blanks of Unicode", "\u00a0\u3000\na", []string{"a"}},
		{"not UTF-8", "\xff\n\xfe", []string{"\xff", "\xfe"}},
		{"a long line in the middle", "a\n" + long + "\nb\n", []string{"a", long, "b"}},
	} {
		if got := lines(c.body); !slices.Equal(got, c.want) {
			t.Errorf("%s: %.100q, want %.100q", c.name, got, c.want)
		}
	}
	for range hec.Lines([]byte("a\nb")) {
		break // no panic
	}
}

func TestAppendRaw(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		event wire.Event
		want  string
	}{
		{"text", wire.Event{TimeNS: 1, Host: "h", Index: "i", Text: []byte("hi"), Fields: []wire.Field{field("a", "1")}}, "hi\n"},
		{"line ends", wire.Event{Text: []byte("hi\r\n\n\r")}, "hi\n"},
		{"lines", wire.Event{Text: []byte("\none\r\ntwo \n")}, "\none\r\ntwo \n"},
		{"bytes", wire.Event{Text: []byte("\"\\\x00\xff\t")}, "\"\\\x00\xff\t\n"},
		{"nothing", wire.Event{}, "-\n"},
		{"blank", wire.Event{Text: []byte(" \u00a0\r\n")}, "-\n"},
		{"JSON", wire.Event{JSON: []byte(`{ "a": 1 }`), Text: []byte("hi")}, "{ \"a\": 1 }\n"},
		{"JSON in lines", wire.Event{JSON: []byte("{\n\"a\": 1\n}\n")}, "{\n\"a\": 1\n}\n"},
		{"JSON string", wire.Event{JSON: []byte(`"hi"`)}, "\"hi\"\n"},
	} {
		if got := string(hec.AppendRaw([]byte("before\n"), &c.event)); got != "before\n"+c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A text of one line that is sent comes out as it went in.
func TestAppendRawComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var body []byte
		var want []string
		for _, text := range rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "texts") {
			body = hec.AppendRaw(body, &wire.Event{Text: text})
			if text = bytes.TrimRight(text, "\r\n"); len(bytes.TrimSpace(text)) == 0 {
				text = []byte("-")
			}
			want = append(want, lines(string(text))...)
		}
		if got := lines(string(body)); !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

func TestParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body        string
		maxPart, maxEvent int
		want              []string
	}{
		{"all in one", "a\nb\n", 10, 10, []string{"a\nb\n"}},
		{"at line ends", "aa\nbb\ncc\n", 6, 10, []string{"aa\nbb\n", "cc\n"}},
		{"blank lines begin no part", "\n\naa\n\n\nbb\n\n\n", 4, 10, []string{"aa\n", "bb\n"}},
		{"blank lines inside are carried", "aa\n\nbb\n", 7, 10, []string{"aa\n\nbb\n"}},
		{"nothing", "\n \r\n", 10, 10, nil},
		{"a line over a part is alone", "a\n12345678\nb\n", 5, 10, []string{"a\n", "12345678\n", "b\n"}},
		{"a line over an event is cut", "a\n1234567\r\nb", 100, 3, []string{"a\n", "123", "456", "7", "b"}},
		{"line ends do not count", "abc\r\ndef\n", 100, 3, []string{"abc\r\ndef\n"}},
		{"between characters", "aää€😀", 100, 4, []string{"aä", "ä", "€", "😀"}},
		{"not UTF-8", "\x80\x80\x80\x80\x80\x80", 100, 4, []string{"\x80\x80\x80\x80", "\x80\x80"}},
		{"not behind a CR", "abc\rdef", 100, 4, []string{"abc", "\rdef"}},
		{"blank pieces are none", "abc       def", 100, 3, []string{"abc", " de", "f"}},
	} {
		var got []string
		for part := range hec.Parts([]byte(c.body), c.maxPart, c.maxEvent) {
			got = append(got, string(part))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for range hec.Parts([]byte("aaaa\nbb\ncc"), 2, 2) {
		break // no panic
	}
}

// The events of all parts are those of the body, in order, and no part is too large.
func TestPartsKeepEveryLine(t *testing.T) {
	t.Parallel()
	text := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "bc", " ", "ä", "😀", "\xff", "\r", "\n", "\n", "\r\n", "zzzzzzzz"}), 0, 60)
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(strings.Join(text.Draw(t, "body"), ""))
		checkParts(t, body, rapid.IntRange(1, 40).Draw(t, "part"), rapid.IntRange(4, 40).Draw(t, "event"))
	})
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkParts(t failer, body []byte, maxPart, maxEvent int) {
	t.Helper()
	original := bytes.Clone(body)
	var got, want strings.Builder
	for part, n := range hec.Parts(body, maxPart, maxEvent) {
		events := lines(string(part))
		if len(events) != n || n == 0 {
			t.Fatalf("%q is said to have %d lines", part, n)
		}
		if len(part) > maxPart && n > 1 || len(events[0]) > maxEvent {
			t.Fatalf("%q is too long", part)
		}
		if utf8.Valid(body) && !utf8.Valid(part) {
			t.Fatalf("%q is cut within a character", part)
		}
		got.WriteString(strings.Join(events, ""))
	}
	for _, line := range lines(string(body)) {
		want.WriteString(line)
	}
	// White space goes where a piece is blank or ends in CR.
	if g, w := strings.Fields(got.String()), strings.Fields(want.String()); strings.Join(g, "") != strings.Join(w, "") {
		t.Fatalf("%q comes out as %q", want.String(), got.String())
	}
	if !bytes.Equal(body, original) {
		t.Fatalf("the body was written to")
	}
}

func FuzzParts(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte, maxPart, maxEvent int) {
		checkParts(t, body, max(maxPart, 1), max(maxEvent, utf8.UTFMax))
	})
}

func BenchmarkParts(b *testing.B) {
	body := bytes.Repeat([]byte(strings.Repeat("x", 199)+"\n"), 10_000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, lines := range hec.Parts(body, 512<<10, 512<<10) {
			n += lines
		}
		if n != 10_000 {
			b.Fatal(n)
		}
	}
}
