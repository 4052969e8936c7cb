package condition

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// hostile is an event that makes much of an expression that does not know its end.
func hostile() *event.Event {
	e := &event.Event{Event: wire.Event{Kind: "app", Text: []byte(strings.Repeat("x,", 64<<10))}}
	e.ParseWith(given{
		{Name: "long", Value: number("[" + strings.Repeat("1,", maxList) + "1]")},
		{Name: "list", Value: number("[" + strings.Repeat("1,", maxList-1) + "1]")},
		{Name: "object.a", Value: number(`"` + strings.Repeat("y", 64<<10) + `"`)},
		{Name: "damaged", Value: fields.Value{Kind: fields.JSON, Text: `[1, `}},
	})
	return e
}

// TestBounds shows that no event makes an expression take all memory or all time.
func TestBounds(t *testing.T) {
	const (
		text   = "this makes a text of more than 16 MiB"
		list   = "this list has more than 10000 elements"
		work   = "this goes over more than 512 MiB of text"
		memory = "memory budget exceeded"
	)
	double := `let b = message + message; let c = b + b; let d = c + c; let e = d + d; let f = e + e; let g = f + f; let h = g + g; let i = h + h`
	for expression, want := range map[string]string{
		`any(fields.long, # == 2)`:                                  list,
		`"x" in fields.long`:                                        list,
		`split(message, ",")`:                                       list,
		`replace(message, "x", message)`:                            text,
		`join(map(fields.list, message), "")`:                       text,
		`map(fields.list, message)`:                                 text,
		double + `; i`:                                              work,
		`map(fields.list, message + "!")`:                           work,
		`map(fields.list, upper(message))`:                          work,
		`map(fields.list, replace(message, "x", "y"))`:              work,
		`map(fields.list, fields.object)`:                           work,
		`map(fields.list, string(fields))`:                          work,
		`map(fields.list, toJSON(fields))`:                          work,
		`map(fields.list, fields.list[1:])`:                         work,
		`map(fields.list, split(fields.object.a, ""))`:              list,
		`map(fields.list, split(fields.object.a[:5000], ""))`:       work,
		`map(fields.list, fromJSON(message + "1"))`:                 work,
		`any(fields.list, message matches "y$")`:                    work,
		`any(fields.list, message contains "y")`:                    work,
		`any(fields.list, # in fields.object)`:                      work,
		`any(fields.list, len(message) == 1)`:                       work,
		`any(fields.list, message[1:2] == "!")`:                     work,
		`any(fields.list, fields.list == [#])`:                      work,
		`map(fields.list, [#, #, #, #, #, #, #, #, #, #, #, #])`:    memory,
		`map(fields.list, {{"a": [#, #, #, #, #, #, #, #, #, #]}})`: memory,
		`first(fields.damaged)`:                                     "read a list: EOF",
	} {
		compiled, err := CompileKey(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		var m Machine
		if got, err := compiled.AppendText(&m, nil, hostile()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d bytes, %v; want %s", expression, len(got), err, want)
		}
		if got, err := mustCompile(t, `lower("A") == "a"`).Match(&m, hostile()); !got || err != nil {
			t.Errorf("after %s: %t, %v", expression, got, err)
		}
	}
}

// TestDeepSources shows that what is written takes no longer to compile than it is long.
func TestDeepSources(t *testing.T) {
	for _, c := range []struct{ open, middle, end string }{
		{"1 < (", "1", ") < 1"},
		{"(", "fields.a", " ?: 1)"},
		{"(", "true", ")"},
		{"not ", "true", ""},
		{"true && ", "true", ""},
		{"(true || true) && (", "true", ")"},
		{"[", "1", "]"},
		{"{a: ", "1", "}"},
		{"lower(", "app", ")"},
		{"any(marks, ", "true", ")"},
		{"any(", "marks", ", true)"},
		{"-", "1", ""},
		{"true ? 1 : ", "1", ""},
		{"", "fields", ".a"},
		{"", "fields.a", "[0]"},
		{"", "fields", "?.a"},
		{"let a = ", "1", "; a"},
	} {
		n := maxSource / max(1, len(c.open)+len(c.end)) / 2
		_, err := Compile(strings.Repeat(c.open, n) + c.middle + strings.Repeat(c.end, n))
		checkPlace(t, strings.Repeat("x", maxSource), err)
	}
}

type panicking struct{}

func (panicking) Parse(*fields.List, []byte) bool { panic("no such line") }

// TestPanic shows that what panics is an error, in both engines.
func TestPanic(t *testing.T) {
	const want = "no such line"
	var m Machine
	for _, expression := range []string{`fields.a == 1`, `len(fields.a) == 1`, `level == "info"`} {
		e := &event.Event{Event: wire.Event{Kind: "app", Text: []byte("x")}}
		e.ParseWith(panicking{})
		if _, err := mustCompile(t, expression).Match(&m, e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", expression, err)
		}
		if _, err := mustCompile(t, `app == ""`).Match(&m, e); err != nil {
			t.Errorf("after %s: %v", expression, err)
		}
	}
}

func mustCompile(t *testing.T, text string) *Condition {
	t.Helper()
	c, err := Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
