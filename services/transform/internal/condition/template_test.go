package condition

import (
	"errors"
	"strings"
	"testing"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
)

func TestTemplate(t *testing.T) {
	for _, c := range []struct{ template, text, json string }{
		{"", "", ""},
		{"web", "web", `"web"`},
		{"a {b} }}", "a {b} }}", `"a {b} }}"`},
		{"{{ app }}", "shop", `"shop"`},
		{"{{app}}-{{ process }}!", "shop-router!", `"shop-router!"`},
		{"web-{{ fields.none }}", "web-", `"web-"`},
		{"{{ fields.none }}", "", ""},
		{"{{ fields.none }}{{ fields.empty }}", "", ""},
		{"{{ nil }}", "", ""},
		{"{{ '' }}", "", ""},
		{`{{ "}}" }}{{ '\'}}' }}`, "}}'}}", `"}}'}}"`},
		{"{{ `\\` }}", `\`, `"\\"`},
		{`{{ {"a": {"b": app}} }}`, `{"a":{"b":"shop"}}`, `{"a":{"b":"shop"}}`},
		{"{{ fields.status }}", "200", "200"},
		{"{{ fields.status + 0.5 }}", "200.5", "200.5"},
		{"{{ severity }}", "6", "6"},
		{"{{ fields.status / 0 }}", "", ""},
		{"{{ 1e300 * 10 }} {{ 1 / 8 }} {{ 0.0000001 }}", "1e+301 0.125 1e-07", `"1e+301 0.125 1e-07"`},
		{"{{ fields.big }}", "12345678901234567890", `"12345678901234567890"`},
		{"{{ fields.nothing ?? fields.big }}", "12345678901234567890", `"12345678901234567890"`},
		{"{{ int(fields.big) }}", "12345678901234567000", "12345678901234567000"},
		{"{{ fields.sci }}", "2e2", "2e2"},
		{"{{ fields.ok }}", "true", "true"},
		{"{{ fields.status == 200 }}", "true", "true"},
		{"{{ fields.words }}", `["one", "two", {"deep": 1.50}]`, `["one", "two", {"deep": 1.50}]`},
		{"{{ fields.words[2].deep }}", "1.50", "1.50"},
		{"{{ [fields.words[0], nil, 1, true] }}", `["one",null,1,true]`, `["one",null,1,true]`},
		{"{{ fields.user }}", `{"id":7,"name":{"first":"Ann"},"tags":[]}`, `{"id":7,"name":{"first":"Ann"},"tags":[]}`},
		{"{{ indexed.team }}", "pay", `"pay"`},
		{"{{ query }}", `{"env":"prod","n":"5"}`, `{"env":"prod","n":"5"}`},
		{"{{ marks }}", `["over_rate"]`, `["over_rate"]`},
		{"{{ time }}", "2026-03-04T05:06:07.0000008Z", `"2026-03-04T05:06:07.0000008Z"`},
		{`{{ time.Format("2006.01") }}`, "2026.03", `"2026.03"`},
		{"{{ message[:3] }}", "GET", `"GET"`},
		{"{{ fields.status < 400 ? 'fine' : 'bad' }}", "fine", `"fine"`},
	} {
		compiled, err := CompileText(c.template)
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		var m Machine
		if text, err := compiled.AppendText(&m, []byte("> "), request()); string(text) != "> "+c.text || err != nil {
			t.Errorf("%s is %s, %v; want > %s", c.template, text, err, c.text)
		}
		if json, err := compiled.AppendJSON(&m, []byte("> "), request()); string(json) != "> "+c.json || err != nil {
			t.Errorf("%s is %s, %v as JSON; want > %s", c.template, json, err, c.json)
		}
	}
}

// TestWholeFields shows the map of all fields, put together again.
func TestWholeFields(t *testing.T) {
	e := &event.Event{Event: wire.Event{Text: []byte("x")}}
	deep := strings.Repeat("a.", 40) + "a"
	e.ParseWith(given{
		text("a", "first"), text("a.b", "under a text"), text("a", "second"), text("c.d", "1"), text("c.e", "2"), text("c", "3"),
		text("", "nameless"), text(".", "dot"), text("ä.\xff", "\xff"), text("deep."+deep, "x"),
	})
	compiled, err := CompileText("{{ fields }}")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"":"nameless",".":"dot","a":"first","a.b":"under a text","c":{"d":"1","e":"2"},"deep":` +
		strings.Repeat(`{"a":`, 31) + `{"` + strings.Repeat("a.", 9) + `a":"x"}` + strings.Repeat("}", 31) + `,"ä":{"` + "\ufffd" + `":"` + "\ufffd" + `"}}`
	if got, err := compiled.AppendText(new(Machine), nil, e); string(got) != want || err != nil {
		t.Errorf("fields are %s, %v; want %s", got, err, want)
	}
}

func TestTemplateErrors(t *testing.T) {
	for template, want := range map[string]string{
		"web {{ app":                `column 5: there is no }} to this {{`,
		"{{ '}}":                    `column 1: there is no }} to this {{`,
		"{{}}":                      `column 3: there is no expression`,
		"ä {{ app }} {{ knd }}":     `column 16: unknown name "knd", the nearest is "kind"`,
		"{{ app }} {{ kind == 1 }}": `column 19: == does not go with text and a number`,
		"{{ lower }}":               `column 3: a function needs parentheses behind it`,
		"{{ {{ }} }}":               `column 5: a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses`,
	} {
		if _, err := CompileText(template); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v; want %s", template, err, want)
		}
	}
}

func TestKey(t *testing.T) {
	for key, want := range map[string]string{
		`app`: "shop", `fields.status`: "200", `app + "/" + dyno`: "shop/web.1", `fields.none`: "", `"{{ app }}"`: "{{ app }}", `[app, 1]`: `["shop",1]`,
	} {
		compiled, err := CompileKey(key)
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if got, err := compiled.AppendText(new(Machine), nil, request()); string(got) != want || err != nil {
			t.Errorf("%s is %s, %v; want %s", key, got, err, want)
		}
	}
	if _, err := CompileKey("ap"); err == nil || err.Error() != `column 1: unknown name "ap", the nearest is "app"` {
		t.Errorf("ap: %v", err)
	}
}

// A template stops before it has made too much, whatever it is made of.
func TestTooMuch(t *testing.T) {
	const most = 100
	e := &event.Event{Event: wire.Event{Text: []byte(strings.Repeat("x", 30))}}
	for _, c := range []struct {
		template   string
		text, json bool // that it fits
	}{
		{"{{ message }}", true, true},
		{"{{ message }}{{ message }}", true, true},
		{"{{ message }}{{ message }}{{ message }}", true, true},
		{"{{ message + message + message }}012345678", true, false},
		{"{{ message + message + message }}0123456789", false, false},
		{strings.Repeat("{{ message }}", 1000), false, false},
		{"{{ message + message + message + message }}", false, false},
		{`{{ replace(message, "x", "\t") }}`, true, true},
		{`{{ replace(message, "x", "\u0001") }}`, true, false},
		{`{{ replace(message, "x", "\u0001") }}.`, true, false},
	} {
		compiled, err := CompileText(c.template)
		if err != nil {
			t.Fatal(err)
		}
		for name, do := range map[string]func(*Machine, []byte, *event.Event) ([]byte, error){"text": compiled.AppendText, "json": compiled.AppendJSON} {
			fits := name == "text" && c.text || name == "json" && c.json
			m := Machine{Most: most}
			got, err := do(&m, []byte("."), e)
			if fits != (err == nil) || err != nil && !errors.Is(err, ErrTooMuch) || fits && len(got) > most {
				t.Errorf("%.50s as %s: %d bytes, %v", c.template, name, len(got), err)
			}
			if cap(got) > 4*most || cap(m.text) > 4*most {
				t.Errorf("%.50s as %s: memory of %d and %d bytes", c.template, name, cap(got), cap(m.text))
			}
			m.Most = 0
			if _, err := do(&m, nil, e); err != nil {
				t.Errorf("%.50s as %s without bound: %v", c.template, name, err)
			}
		}
	}
}
