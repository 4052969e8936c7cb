package fields_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

func boolean(name string, b bool) fields.Field {
	return fields.Field{Name: name, Value: fields.Value{Kind: fields.Bool, Text: strconv.FormatBool(b)}}
}

func TestAppendJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		add  func(l *fields.List)
		want string
	}{
		{"none", func(*fields.List) {}, `{}`},
		{"text", func(l *fields.List) { l.AddText("a", "x\"\n") }, `{"a":"x\"\n"}`},
		{"empty name", func(l *fields.List) { l.AddText("", "") }, `{"":""}`},
		{"numbers", func(l *fields.List) { l.AddNumber("a", 3); l.AddNumber("b", -0.5); l.AddNumber("c", 1e300) }, `{"a":3,"b":-0.5,"c":1e+300}`},
		{"whole numbers", func(l *fields.List) { l.AddNumber("a", 1<<53); l.AddNumber("b", -1<<53) }, `{"a":9007199254740992,"b":-9007199254740992}`},
		{"fractions", func(l *fields.List) { l.AddNumber("a", 22250782.5); l.AddNumber("b", 1e-7) }, `{"a":22250782.5,"b":1e-07}`},
		{"not finite", func(l *fields.List) { l.AddNumber("a", math.NaN()); l.AddNumber("b", math.Inf(1)) }, `{}`},
		{"bools", func(l *fields.List) { l.Add(boolean("a", true)); l.Add(boolean("b", false)) }, `{"a":true,"b":false}`},
		{"JSON", func(l *fields.List) {
			l.Add(fields.Field{Name: "a", Value: fields.Value{Kind: fields.JSON, Text: `[1, 2]`}})
		}, `{"a":[1, 2]}`},
		{"names with dots", func(l *fields.List) { l.AddText("a.b", "1"); l.AddText("a", "2") }, `{"a.b":"1","a":"2"}`},
		{"the first counts", func(l *fields.List) { l.AddText("a", "1"); l.AddText("b", "2"); l.AddText("a", "3") }, `{"a":"1","b":"2"}`},
		{"written alike", func(l *fields.List) { l.AddText("\xffa", "1"); l.AddText("\uFFFDa", "2"); l.AddText("\xfea", "3") }, `{"` + "\uFFFD" + `a":"1"}`},
		{"almost alike", func(l *fields.List) { l.AddText("\xff", "1"); l.AddText("\xff\xff", "2") }, `{"` + "\uFFFD" + `":"1","` + "\uFFFD\uFFFD" + `":"2"}`},
	} {
		var l fields.List
		c.add(&l)
		if got := string(l.AppendJSON([]byte("x")))[1:]; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	var l fields.List
	l.AddText("a", "1")
	l.AddNumber("b", 2)
	l.AddText("a", "3")
	if v, ok := l.Get("a"); !ok || v.Text != "1" {
		t.Errorf("a is %+v, %v", v, ok)
	}
	if v, ok := l.Get("b"); !ok || v.Kind != fields.Number || v.Number != 2 || v.Text != "2" {
		t.Errorf("b is %+v, %v", v, ok)
	}
	if v, ok := l.Get("c"); ok {
		t.Errorf("c is %+v", v)
	}
	l.Reset()
	if v, ok := l.Get("a"); ok || len(l.All()) != 0 {
		t.Errorf("after Reset a is %+v", v)
	}
}

func TestMax(t *testing.T) {
	t.Parallel()
	var l fields.List
	for i := range fields.Max {
		l.AddNumber(strconv.Itoa(i), float64(i))
	}
	if len(l.All()) != fields.Max || l.Over() {
		t.Errorf("%d fields, over: %v", len(l.All()), l.Over())
	}
	l.AddText("one more", "")
	if _, ok := l.Get("1"); ok || len(l.All()) != 0 || !l.Over() || string(l.AppendJSON(nil)) != "{}" {
		t.Errorf("%d fields, over: %v", len(l.All()), l.Over())
	}
	l.Reset()
	l.AddText("a", "b")
	if len(l.All()) != 1 || l.Over() {
		t.Errorf("after Reset %d fields, over: %v", len(l.All()), l.Over())
	}
}

// What was made earlier stays as it is while the memory of the list grows.
func TestMemory(t *testing.T) {
	t.Parallel()
	var l fields.List
	for range 3 {
		l.Reset()
		for i := range 200 {
			scratch := l.Scratch()
			begin := len(scratch)
			l.AddText("text", l.Keep(fmt.Appendf(scratch, "text %d", i), begin))
			if i%4 == 0 {
				l.AddNumber("number", float64(i)+0.5)
			}
		}
		at := 0
		for i := range 200 {
			if got, want := l.All()[at].Value.Text, fmt.Sprintf("text %d", i); got != want {
				t.Fatalf("%q, want %q", got, want)
			}
			at++
			if i%4 == 0 {
				if got, want := l.All()[at].Value.Text, strconv.Itoa(i)+".5"; got != want {
					t.Fatalf("%q, want %q", got, want)
				}
				at++
			}
		}
	}
}

func TestAppendJSONIsValid(t *testing.T) {
	t.Parallel()
	name := rapid.OneOf(
		rapid.StringMatching(`[a-c.]{0,2}`), rapid.SampledFrom([]string{"\xff", "\xfe", "\uFFFD", "\xff\xff", "\xe2\x82", "é"}), rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		var l fields.List
		want := map[string]fields.Value{}
		for range rapid.IntRange(0, 20).Draw(t, "fields") {
			name := name.Draw(t, "name")
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				l.AddText(name, string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")))
			case 1:
				l.AddNumber(name, rapid.Float64().Draw(t, "number"))
			default:
				l.Add(boolean(name, rapid.Bool().Draw(t, "bool")))
			}
		}
		for _, f := range l.All() {
			if written := written(f.Name); want[written] == (fields.Value{}) {
				want[written] = f.Value
			}
		}
		object := l.AppendJSON(nil)
		var got map[string]any
		if err := json.Unmarshal(object, &got); err != nil || !utf8.Valid(object) {
			t.Fatalf("%s: %v", object, err)
		}
		decoder := json.NewDecoder(strings.NewReader(string(object)))
		tokens := -2 // the braces
		for _, err := decoder.Token(); err == nil; _, err = decoder.Token() {
			tokens++
		}
		if len(got) != tokens/2 {
			t.Fatalf("%s has %d values of %d names", object, tokens/2, len(got))
		}
		for _, f := range l.All() {
			if n, ok := got[written(f.Name)].(float64); f.Value.Kind == fields.Number && ok && want[written(f.Name)] == f.Value && n != f.Value.Number {
				t.Fatalf("%s is %v, want %v", f.Name, n, f.Value.Number)
			}
		}
		for name := range want {
			if _, ok := got[name]; !ok {
				t.Fatalf("%s has no %q", object, name)
			}
		}
	})
}

// written is a text as encoding/json writes and reads it.
func written(text string) string {
	var runes []rune
	for _, r := range text {
		runes = append(runes, r)
	}
	return string(runes)
}

func BenchmarkGet(b *testing.B) {
	var l fields.List
	for _, name := range []string{
		"at", "method", "path", "host", "request_id", "fwd", "dyno", "connect", "service", "status", "bytes", "protocol", "tls", "tls_version",
	} {
		l.AddText(name, name)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := l.Get("status"); !ok {
			b.Fatal("no status")
		}
	}
}
