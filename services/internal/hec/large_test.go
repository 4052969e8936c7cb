package hec_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

func TestLarger(t *testing.T) {
	t.Parallel()
	const most = 1000
	text := func(part string, times int) wire.Event { return wire.Event{Text: bytes.Repeat([]byte(part), times)} }
	for _, c := range []struct {
		name  string
		event wire.Event
		want  bool
	}{
		{"nothing", wire.Event{}, false},
		{"fits", text("x", 998), false},
		{"one over", text("x", 999), true},
		{"quotes fit", text(`"`, 499), false},
		{"quotes", text(`"`, 500), true},
		{"control characters fit", text("\x1b", 166), false},
		{"control characters", text("\x1b", 167), true},
		{"not UTF-8 fits", text("\xff", 332), false},
		{"not UTF-8", text("\xff", 333), true},
		{"characters fit", text("€", 332), false},
		{"characters", text("€", 333), true},
		{"much of nothing is a dash", text(" ", 5000), false},
		{"JSON fits", wire.Event{JSON: bytes.Repeat([]byte("1"), 1000)}, false},
		{"JSON", wire.Event{JSON: bytes.Repeat([]byte("1"), 1001)}, true},
		{"JSON comes before text", wire.Event{JSON: []byte("1"), Text: bytes.Repeat([]byte("x"), 5000)}, false},
	} {
		if got := hec.Larger(&c.event, most); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	const most, room = 1000, 1000 - len(`""`) - len(hec.TruncatedMark)
	times := strings.Repeat
	for _, c := range []struct {
		name       string
		text, body string // of the event
		want       string // before the mark
		from       string
	}{
		{"text", times("x", 2000), "", times("x", room), "2000"},
		{"escapes", times(`"`, 2000), "", times(`"`, room/2), "2000"},
		{"between characters", "a" + times("€", 2000), "", "a" + times("€", (room-1)/3), "6001"},
		{"not UTF-8", times("\xff", 2000), "", times("\xff", room/3), "2000"},
		{"JSON", "", `{"a":"` + times("x", 2000) + `"}`, (`{"a":"` + times("x", 2000))[:room-3], "2008"},
		{"JSON string", "", `"\u0041\n` + times("x", 2000) + `"`, "A\n" + times("x", room-3), "2010"},
	} {
		e := wire.Event{Text: []byte(c.text), JSON: []byte(c.body), Index: "main", Fields: []wire.Field{field("a", "1")}}
		hec.Truncate(&e, most)
		want := wire.Event{Text: []byte(c.want + hec.TruncatedMark), Index: "main", Fields: []wire.Field{field("a", "1"), field("truncated_from", c.from)}}
		if !reflect.DeepEqual(e, want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, hec.AppendEvent(nil, &e), hec.AppendEvent(nil, &want))
		}
	}
	small := wire.Event{Text: []byte("x")}
	if hec.Truncate(&small, most); string(small.Text) != "x" || small.Fields != nil {
		t.Errorf("a small event is changed: %+v", small)
	}
}

// Larger agrees with what is written; Truncate makes it small enough, changes nothing
// of what the event pointed to, and once is enough.
func TestLargeProperties(t *testing.T) {
	t.Parallel()
	part := rapid.SampledFrom([]string{"a", "bc", " ", "ä", "€", "😀", "\xff", "\xf0\x9f", "\x00", "\n", `"`, `\`, "zzzzzzzzzzz"})
	rapid.Check(t, func(t *rapid.T) {
		checkLarge(t, []byte(strings.Repeat(strings.Join(rapid.SliceOfN(part, 1, 40).Draw(t, "text"), ""), rapid.IntRange(1, 60).Draw(t, "times"))),
			rapid.Bool().Draw(t, "as JSON"), rapid.IntRange(1000, 3000).Draw(t, "most"))
	})
}

func FuzzLarge(f *testing.F) {
	f.Add([]byte("é\"\xff\x01"), uint8(255), false, uint16(1001))
	f.Add([]byte("😀\n"), uint8(200), true, uint16(1500))
	f.Fuzz(func(t *testing.T, text []byte, times uint8, asJSON bool, most uint16) {
		checkLarge(t, bytes.Repeat(text, int(times)), asJSON, max(int(most), 1000))
	})
}

func checkLarge(t failer, text []byte, asJSON bool, most int) {
	t.Helper()
	e := wire.Event{Text: text, Fields: []wire.Field{field("a", "1"), field("truncated_from", "7")}, Host: "h"}
	if asJSON {
		e.JSON = hec.AppendString(nil, text)
	}
	before := wire.Event{Text: bytes.Clone(e.Text), JSON: bytes.Clone(e.JSON), Fields: append([]wire.Field(nil), e.Fields...)}
	pointed := e

	size := len(hec.AppendEvent(nil, &wire.Event{Text: e.Text, JSON: e.JSON})) - len(`{"event":}`)
	large := hec.Larger(&e, most)
	if want := size > most; large != want {
		t.Fatalf("%d bytes are larger than %d: %v", size, most, large)
	}
	hec.Truncate(&e, most)
	if hec.Larger(&e, most) {
		t.Fatalf("%q is larger than %d", e.Text, most)
	}
	if !bytes.Equal(pointed.Text, before.Text) || !bytes.Equal(pointed.JSON, before.JSON) || !reflect.DeepEqual(pointed.Fields, before.Fields) {
		t.Fatalf("what the event pointed to was written to")
	}
	if !large {
		return
	}
	kept, marked := bytes.CutSuffix(e.Text, []byte(hec.TruncatedMark))
	if !marked || utf8.Valid(text) && !utf8.Valid(e.Text) || !asJSON && !bytes.HasPrefix(text, kept) {
		t.Fatalf("%q becomes %q", text, e.Text)
	}
	const character = 6 // the most that one takes
	if written := len(hec.AppendString(nil, e.Text)); written+character <= most {
		t.Fatalf("%d bytes are left of %d", written, most)
	}
	want := strconv.Itoa(len(text))
	if asJSON {
		want = strconv.Itoa(size)
	}
	if last := e.Fields[len(e.Fields)-1]; len(e.Fields) != 2 || last.Name != "truncated_from" || string(last.JSON) != want {
		t.Fatalf("fields %+v, want truncated_from %s", e.Fields, want)
	}
	if !json.Valid(hec.AppendEvent(nil, &e)) {
		t.Fatalf("what is left is no JSON")
	}
}
