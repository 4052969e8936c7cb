package condition

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// TestEngines compares the quick engine with the machine.
func TestEngines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyCondition(3).Draw(t, "condition")
		quick, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		slow := &Condition{wholeProgram(t, text, true).truth}
		var m Machine
		for i := range 3 {
			e := anyEvent().Draw(t, fmt.Sprintf("event %d", i))
			got, gotErr := quick.Match(&m, e)
			want, wantErr := slow.Match(&m, e)
			if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || gotErr == nil && got != want {
				t.Fatalf("quick: %t, %v; machine: %t, %v", got, gotErr, want, wantErr)
			}
		}
	})
}

func TestTemplateEngines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(operands(words, textNames), operands(words, dynamicNames, queryNames), operands(numbers, numberNames)).Draw(t, "expression")
		quick, err := CompileKey(text)
		if err != nil {
			t.Fatal(err)
		}
		if quick.parts[0].quick == nil {
			t.Fatal("is not quick")
		}
		slow := &Template{parts: []part{{slow: wholeProgram(t, text, false)}}}
		var m Machine
		e := anyEvent().Draw(t, "event")
		for name, appended := range map[string]func(*Template) ([]byte, error){
			"text": func(t *Template) ([]byte, error) { return t.AppendText(&m, nil, e) },
			"JSON": func(t *Template) ([]byte, error) { return t.AppendJSON(&m, nil, e) },
		} {
			got, gotErr := appended(quick)
			want, wantErr := appended(slow)
			if string(got) != string(want) || gotErr != nil || wantErr != nil {
				t.Fatalf("%s: quick: %q, %v; machine: %q, %v", name, got, gotErr, want, wantErr)
			}
		}
	})
}

func wholeProgram(t *rapid.T, text string, condition bool) *program {
	x, err := source{text: text}.parse()
	if err != nil {
		t.Fatal(err)
	}
	p, err := x.compile(x.root, condition)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	words        = []string{`""`, `"a"`, `"b"`, `"200"`, `"true"`, `"null"`, `"[]"`, `"app"`, `"é"`}
	numbers      = []string{"0", "6", "200", "200.0", "2e2", "-1", "-0.5", "12345678901234567890.0"}
	constants    = []string{"nil", "true", "false"}
	textNames    = []string{"code", "app", "host", "message", "request_id", "drain"}
	closedNames  = []string{"level", "door"} // compared with any word, they are mistakes
	numberNames  = []string{"facility", "severity"}
	fieldNames   = []string{"a", "b", "c.d", "c", "c.d.e", "é"}
	dynamicNames = []string{
		"fields.a", `fields["a"]`, "fields.b", "fields.c", "fields.c.d", `fields["c.d"]`, "fields.c?.d.e", "fields.none", "fields.é",
		"indexed.a", "indexed.c.d", "indexed.none",
	}
	queryNames = []string{"query.a", "query.none"}
	marks      = []string{`"over_rate"`, `"unknown_drain"`}
	patterns   = []string{`"^$"`, `"a|b"`, `"[0-9]+"`, `"^app$"`}
)

func operands(lists ...[]string) *rapid.Generator[string] {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return rapid.SampledFrom(all)
}

// anyCondition makes conditions of the quick engine, and now and then a part for the machine.
func anyCondition(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		draw := func(g *rapid.Generator[string]) string { return g.Draw(t, "part") }
		var form int
		if depth > 0 {
			form = rapid.IntRange(0, 14).Draw(t, "form")
		} else {
			form = rapid.IntRange(3, 14).Draw(t, "form")
		}
		texts, anything := operands(words, textNames, dynamicNames, queryNames), operands(words, numbers, constants, dynamicNames)
		order := operands([]string{"<", "<=", ">", ">="})
		switch form {
		case 0, 1:
			return "(" + draw(anyCondition(depth-1)) + " " + draw(operands([]string{"and", "or", "&&", "||"})) + " " + draw(anyCondition(depth-1)) + ")"
		case 2:
			return draw(operands([]string{"not ", "!"})) + "(" + draw(anyCondition(depth-1)) + ")"
		case 3:
			return "kind" + draw(operands([]string{` < "b"`, ` contains "r"`, ` endsWith host`})) // == would ask for the vocabulary
		case 4:
			return draw(texts) + draw(operands([]string{" == ", " != "})) + draw(texts)
		case 5:
			return draw(operands(dynamicNames)) + draw(operands([]string{" == ", " != "})) + draw(anything)
		case 6:
			return draw(operands(numberNames)) + " " + draw(order) + " " + draw(operands(numbers, numberNames, dynamicNames))
		case 7:
			return draw(operands(dynamicNames)) + " " + draw(order) + " " + draw(operands(words, numbers, dynamicNames))
		case 8:
			return draw(operands(words, closedNames)) + draw(operands([]string{" contains ", " not startsWith ", " endsWith "})) + draw(texts)
		case 9:
			return draw(operands(textNames, closedNames, dynamicNames)) + " matches " + draw(operands(patterns))
		case 10:
			return draw(operands(dynamicNames)) + " in [" + draw(anything.Filter(isConstant)) + ", " + draw(anything.Filter(isConstant)) + "]"
		case 11:
			return draw(operands(textNames, queryNames)) + " not in [" + draw(operands(words)) + "]"
		case 12:
			return draw(operands(marks, dynamicNames)) + " in marks"
		case 13:
			return draw(operands(dynamicNames, constants[1:]))
		default:
			return draw(operands([]string{
				`lower(fields.a) == "a"`, `len(fields.b) > 0`, `fields.a + 1 > 1`, `len(split(message, "")) < 5`, `any(fields.a, # == "a")`, `(fields.b ?? app) == "a"`,
			}))
		}
	})
}

func isConstant(s string) bool { return !strings.Contains(s, ".") || strings.HasSuffix(s, ".0") }

func anyEvent() *rapid.Generator[*event.Event] {
	raw := rapid.SampledFrom([]string{
		`""`, `"a"`, `"b"`, `"200"`, `"\u00e9"`, `0`, `200`, `2e2`, `-0.5`, `12345678901234567890`, `true`, `false`, `null`, `[]`, `["a", 1]`, ` {"d": 1} `, `1e999`,
	})
	word := rapid.SampledFrom([]string{"", "a", "b", "200", "app", "\xff"})
	return rapid.Custom(func(t *rapid.T) *event.Event {
		e := &event.Event{
			Event: wire.Event{
				Kind: rapid.SampledFrom([]string{"", "app", "router"}).Draw(t, "kind"), Code: word.Draw(t, "code"), Host: word.Draw(t, "host"),
				Text:     []byte(rapid.SampledFrom([]string{"", "a", "ba 200", strings.Repeat("x", maxList+1)}).Draw(t, "message")),
				Facility: uint8(rapid.IntRange(0, 6).Draw(t, "facility")), Severity: uint8(rapid.IntRange(0, 6).Draw(t, "severity")),
			},
			App: word.Draw(t, "app"),
		}
		if rapid.Bool().Draw(t, "requested") {
			e.Request = &drainlinev1.Request{Query: map[string]string{"a": word.Draw(t, "query")}, Marks: []string{word.Draw(t, "mark"), "over_rate"}, Door: drainlinev1.Door_DOOR_HEC}
		}
		var list given
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(fieldNames), 0, 6).Draw(t, "names") {
			list = append(list, fields.Field{Name: name, Value: number(raw.Draw(t, "value"))})
			e.Fields = append(e.Fields, wire.Field{Name: name, JSON: []byte(raw.Draw(t, "indexed"))})
		}
		e.ParseWith(list)
		return e
	})
}

// TestQuickAllocatesNothing shows that the usual forms do not go to the machine. Regular
// expressions take their memory from a pool of their own.
func TestQuickAllocatesNothing(t *testing.T) {
	e := request()
	e.Parsed()
	for _, expression := range []string{
		`kind == "router" && fields.path == "/healthz" && fields.status < 400`, `kind in ["app", "api"] or not (app != "x")`,
		`message contains "x" || message startsWith "x" || message endsWith "x"`,
		`severity < 3 || facility == 1 || fields.none == nil`, `fields.user.id in [1, 2, nil]`,
		`indexed.rate > 10 || query.env == "x" || "stray_index" in marks`, `fields.ok and not fields.off and fields.words != nil`, `true`, `fields.status >= -1.5`,
	} {
		c, err := Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		var m Machine
		if n := testing.AllocsPerRun(10, func() { _, _ = c.Match(&m, e) }); n != 0 {
			t.Errorf("%s allocates %v times", expression, n)
		}
	}
	compiled, err := CompileText("{{ app }}-{{ fields.status }}-{{ severity }}-{{ query.env }}")
	if err != nil {
		t.Fatal(err)
	}
	var m Machine
	text := make([]byte, 0, 100)
	if n := testing.AllocsPerRun(10, func() { text, _ = compiled.AppendText(&m, text[:0], e) }); n != 0 {
		t.Errorf("a template allocates %v times", n)
	}
}
