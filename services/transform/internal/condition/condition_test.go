package condition

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// given is a parser that finds what it is told.
type given []fields.Field

func (g given) Parse(dst *fields.List, _ []byte) bool {
	for _, f := range g {
		dst.Add(f)
	}
	return true
}

// number is a value that is no text, as parsers make it of JSON.
func number(text string) fields.Value {
	if text == "null" {
		return fields.Value{Kind: fields.Null, Text: text}
	}
	return parseJSON(text)
}

// request is an event with something under every name.
func request() *event.Event {
	e := &event.Event{
		Event: wire.Event{
			TimeNS: time.Date(2026, 3, 4, 5, 6, 7, 800, time.UTC).UnixNano(),
			Host:   "shop-eu", Source: "router", Sourcetype: "heroku:router", Index: "web", Text: []byte("GET /healthz done in 12ms"),
			Kind: "router", Code: "H12", Dyno: "web.1", Process: "router", Facility: 23, Severity: 6,
			Fields: []wire.Field{
				{Name: "team", JSON: []byte(`"pa\u0079"`)},
				{Name: "rate", JSON: []byte(`10`)},
				{Name: "tags", JSON: []byte(`["a", "b"]`)},
				{Name: "a.b", JSON: []byte(`"dotted"`)},
			},
		},
		App: "shop",
		Request: &drainlinev1.Request{
			DrainToken: "d.1", Credential: "team_a", RequestId: "r-1", Door: drainlinev1.Door_DOOR_LOGPLEX,
			Query: map[string]string{"env": "prod", "n": "5"}, Marks: []string{"over_rate"},
		},
	}
	e.ParseWith(given{
		{Name: "path", Value: fields.Value{Text: "/healthz"}},
		{Name: "status", Value: number("200")},
		{Name: "service", Value: number("12.5")},
		{Name: "big", Value: number("12345678901234567890")},
		{Name: "sci", Value: number("2e2")},
		{Name: "ok", Value: number("true")},
		{Name: "off", Value: number("false")},
		{Name: "gone", Value: number("null")},
		{Name: "empty", Value: fields.Value{}},
		{Name: "words", Value: number(`["one", "two", {"deep": 1.50}]`)},
		{Name: "user.id", Value: number("7")},
		{Name: "user.name.first", Value: fields.Value{Text: "Ann"}},
		{Name: "user.tags", Value: number(`[]`)},
		{Name: "payload", Value: fields.Value{Text: `{"x": [1, 2]}`}},
	})
	return e
}

func TestMatch(t *testing.T) {
	var m Machine
	for expression, want := range map[string]bool{
		// The environment.
		`kind == "router"`: true, `kind in ["api", "router"]`: true, `kind not in ["app"]`: true, `kind != "app"`: true,
		`code == "H12"`: true, `level == ""`: true, `app == "shop"`: true, `dyno == "web.1"`: true, `process == "router"`: true,
		`host == "shop-eu"`: true, `source == "router"`: true, `sourcetype == "heroku:router"`: true, `index == "web"`: true,
		`message contains "healthz"`: true, `message startsWith "GET "`: true, `message endsWith "ms"`: true, `message matches "^GET .*\\d+ms$"`: true,
		`drain == "d.1"`: true, `credential == "team_a"`: true, `door == "logplex"`: true, `request_id == "r-1"`: true,
		`facility == 23 && severity == 6`: true, `severity < 6`: false, `severity <= 6.0`: true,
		`time.Year() == 2026 and time.Format("Mon") == "Wed"`: true, `time.Unix() > 1700000000`: true,
		`query.env == "prod"`: true, `query.nothing == nil`: true, `query.n == "5"`: true, `query["env"] startsWith "p"`: true,
		`"over_rate" in marks`: true, `len(marks) == 1`: true, `marks[0] == "over_rate"`: true, `any(marks, # == "over_rate")`: true,
		`indexed.team == "pay"`: true, `indexed.rate == 10`: true, `indexed.a.b == "dotted"`: true, `indexed["a.b"] == "dotted"`: true, `"team" in indexed`: true,
		`"b" in indexed.tags`: true, `indexed.nothing == nil`: true,
		`true`: true, `false`: false, `1 == 1.0`: true, `not false`: true, `nil == nil`: true,

		// Fields.
		`fields.status == 200`: true, `fields.status == 200.0`: true, `fields.sci == fields.status`: true, `fields.status == "200"`: false,
		`fields.status < 400`: true, `fields.status < "400"`: false, `fields.status >= 200`: true, `400 > fields.status`: true, `fields.path < "/i"`: true,
		`fields.status contains "20"`: true, `fields.sci contains "2e2"`: true, `fields["status"] != 201`: true, `fields?.status == 200`: true,
		`fields.user.id == 7`: true, `fields["user.id"] == 7`: true, `fields["user"]["id"] == 7`: true, `fields.user["id"] == 7`: true,
		`fields.user.name.first == "Ann"`: true, `fields.user contains "Ann"`: true, `fields.user != nil`: true, `fields.user == nil`: false, `fields.user == "Ann"`: false,
		`fields.words contains "two"`: true, `"two" in fields.words`: true, `fields.words[1] == "two"`: true, `fields.words[-3] == "one"`: true,
		`fields.words[2].deep == 1.5`: true, `fields.words[9] == nil`: true, `len(fields.words) == 3`: true, `fields.words == ["one", "two"]`: false,
		`fields.words[0:2] == ["one", "two"]`: true, `fields.user.tags == []`: true, `"id" in fields.user`: true, `"path" in fields`: true,
		`fields[process + "x"] == nil`: true, `fields["pa" + "th"] == "/healthz"`: true, `fields.ok`: true, `fields.off`: false, `not fields.off`: true, `fields.ok == true`: true,
		`fields.status in [200, 201]`: true, `fields.status in ["200"]`: false, `fields.path not in ["/", "/x"]`: true, `nil in [nil]`: true, `fields.none in [nil]`: true,
		`fields.path == fields.path`: true, `fields.words == fields.words`: true,

		// What is missing.
		`fields.none == nil`: true, `fields.gone == nil`: true, `fields.none != nil`: false, `fields.none == "x"`: false, `fields.none != "x"`: true,
		`fields.none == ""`: false, `fields.empty == ""`: true, `fields.empty == nil`: false, `fields.none == fields.gone`: true,
		`fields.none < 5`: false, `fields.none >= 5`: false, `5 > fields.none`: false, `fields.none < "x"`: false,
		`fields.none contains "x"`: false, `fields.none contains ""`: true, `fields.none startsWith ""`: true, `fields.none matches "^$"`: true,
		`fields.none not contains "x"`: true, `fields.gone matches "^$"`: true, `fields.gone contains "null"`: false, `"x" in fields.none`: false, `fields.none`: false, `not fields.none`: true, `fields.path`: false, `fields.none && true`: false,
		`fields.none.deeper.still == nil`: true, `fields.none[0] == nil`: true, `fields.none[0].x == nil`: true, `fields.path.x == nil`: true,
		`fields.none + 1 > 0`: false, `fields.none + 1 == nil`: true, `-fields.none == nil`: true, `fields.status / 0 == nil`: true, `fields.path + 1 == nil`: true,
		`any(fields.none, true)`: false, `all(fields.none, false)`: true, `len(fields.none) == 0`: true, `fields.none[1:2] == nil`: true,
		`lower(fields.none) == ""`: true, `int(fields.none) == nil`: true, `int(fields.path) == nil`: true, `split(fields.none, ",") == [""]`: true,
		`(fields.none ?? "x") == "x"`: true, `(fields.none ? 1 : 2) == 2`: true, `(fields.ok ? true : nil) && true`: true, `(fields.off ? true : nil) && true`: false,
		`count(fields.words, # contains "o") == 2`: true, `filter(fields.words, #.deep > 1)[0].deep == 1.5`: true, `find(fields.words, # endsWith "o") == "two"`: true,

		// Functions and calculations.
		`fields.status + fields.service == 212.5`: true, `fields.status % 3 == 2`: true, `2 ** 3 == 8`: true, `severity * 2 - 1 == 11`: true, `-severity == 0 - 6`: true,
		`app + "-" + index == "shop-web"`: true, `"a" + "b" == "ab"`: true, `fields.path + "?" == "/healthz?"`: true,
		`upper(app) == "SHOP" && lower("ÄB") == "äb"`: true, `trim(" x ") == "x"`: true, `trimPrefix(fields.path, "/") == "healthz"`: true, `trimSuffix(host, "-eu") == "shop"`: true,
		`replace(fields.path, "h", "HH") == "/HHealtHHz"`: true, `split(host, "-")[1] == "eu"`: true, `join(split(host, "-"), "+") == "shop+eu"`: true, `len("äöü") == 3`: true,
		`string(fields.status) == "200"`: true, `int("12.9") == 12`: true, `int("007") == 7`: true, `float(" 1e1 ") == 10`: true, `int("0x10") == nil`: true, `round(2.5) == 3`: true,
		`first(fields.words) == "one" && last(fields.words).deep == 1.5`: true, `fromJSON(fields.payload).x[1] == 2`: true, `fromJSON("no") == nil`: true,
		`toJSON(fields.user) == '{"id":7,"name":{"first":"Ann"},"tags":[]}'`: true, `message[0:3] == "GET"`: true, `message[-4:] == "12ms"`: true, `"äöü"[1:2] == "ö"`: true,
		`map(fields.words[:2], upper(#)) == ["ONE", "TWO"]`: true, `none(marks, # == "x") && one(marks, # != "x")`: true,
		`let status = fields.status; status >= 200 && status < 300`: true, `{"a": fields.status}.a == 200`: true, `host | upper() == "SHOP-EU"`: true,
		`fields.big == "12345678901234567890"`: true, `fields.big > 1`: false,
	} {
		c, err := Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		for range 2 { // with the memory of the first time, and that of others
			if got, err := c.Match(&m, request()); got != want || err != nil {
				t.Errorf("%s is %t, %v; want %t", expression, got, err, want)
			}
		}
	}
}

// TestClosed compares names with each word that they can have.
func TestClosed(t *testing.T) {
	t.Parallel()
	for _, n := range environment {
		for _, word := range n.words {
			expression := fmt.Sprintf("%s == %q", n.name, word)
			if n.kind == isList {
				expression = fmt.Sprintf("%q in %s", word, n.name)
			}
			if _, err := Compile(expression); err != nil {
				t.Errorf("%s: %v", expression, err)
			}
		}
	}
	for _, word := range []string{"trace", "debug", "info", "notice", "warn", "warning", "error", "critical", "fatal", "emerg", "other", ""} {
		e := &event.Event{}
		e.SetJSON(fmt.Appendf(nil, `{"level": %q}`, word))
		if level, _ := nameOf("level"); !slices.Contains(level.words, e.Level()) {
			t.Errorf("%s has level %s", word, e.Level())
		}
	}
}

// TestJSONBody asks what is parsed of itself.
func TestJSONBody(t *testing.T) {
	var m Machine
	e := &event.Event{}
	e.SetJSON([]byte(`{"level": "warn", "user": {"id": 12345678901234567890}, "tags": ["a", {"b": 1}], "a.b": 2}`))
	for expression, want := range map[string]string{
		`kind`: "app", `fields.user.id`: "12345678901234567890", `fields.tags[1].b`: "1", `fields.a.b`: "2", `fields.user`: `{"id":"12345678901234567890"}`,
		`level`: "warning", `message[:8]`: `{"level"`, `door + drain`: "",
	} {
		compiled, err := CompileKey(expression)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := compiled.AppendText(&m, nil, e); string(got) != want || err != nil {
			t.Errorf("%s is %s, %v; want %s", expression, got, err, want)
		}
	}
	if got, err := mustCompile(t, `fields.user.id == "12345678901234567890" and fields.tags contains '"b"'`).Match(&m, e); !got || err != nil {
		t.Errorf("%t, %v", got, err)
	}
	e.SetJSON([]byte(`[1]`))
	if got, err := mustCompile(t, `fields.user == nil and message == "[1]"`).Match(&m, e); !got || err != nil {
		t.Errorf("%t, %v of another body", got, err)
	}
}

func TestCompileErrors(t *testing.T) {
	for expression, want := range map[string]string{
		``:                                   `column 1: there is no expression`,
		`knd == "app"`:                       `column 1: unknown name "knd", the nearest is "kind"`,
		`"ä" == app && knd == "app"`:         `column 15: unknown name "knd", the nearest is "kind"`,
		`kind == "ruoter"`:                   `column 9: unknown kind "ruoter", the nearest is "router"`,
		`kind in ["app", "sistem"]`:          `column 17: unknown kind "sistem", the nearest is "system"`,
		`level == "warn"`:                    `column 10: unknown level "warn", there are debug, info, warning, error, critical`,
		`"erorr" != level`:                   `column 1: unknown level "erorr", the nearest is "error"`,
		`level in ["error", "fatal"]`:        `column 20: unknown level "fatal", there are debug, info, warning, error, critical`,
		`door == "heck"`:                     `column 9: unknown door "heck", the nearest is "hec"`,
		`not ("over_rated" in marks)`:        `column 6: unknown mark "over_rated", the nearest is "over_rate"`,
		`message matches "(.*a){500}b"`:      `column 9: the pattern is too large: 2503 instructions, at most 500. {0,250} counts 250 times what it repeats, {0,} once`,
		`kind == 5`:                          `column 6: == does not go with text and a number`,
		`severity contains "x"`:              `column 10: contains does not go with a number and text`,
		`kind in [1, 2]`:                     `column 6: text is never in a list of a number`,
		`message`:                            `column 1: a condition is true or false, and this is text`,
		`severity + 1`:                       `column 1: a condition is true or false, and this is a number`,
		`nil`:                                `column 1: a condition is true or false, and this is nil`,
		`fields`:                             `column 1: a condition is true or false, and this is a map`,
		`lower`:                              `column 1: a condition is true or false, and this is a function`,
		`kind ==`:                            `column 7: the expression is not finished`,
		`kind = "app"`:                       `column 6: "=" does not belong here`,
		`(kind == "app"`:                     `column 14: the expression is not finished`,
		`kind == "app`:                       `column 12: literal not terminated`,
		`message matches "("`:                "column 9: error parsing regexp: missing closing ): `(`",
		`message matches app`:                `column 9: matches needs a regular expression in quotes`,
		`code == nil`:                        `column 1: code is never nil, where there is none it is ""`,
		`fields.id == 9007199254740993`:      `column 14: so large a number is a text, put it in quotes`,
		`nil != severity`:                    `column 8: severity is never nil`,
		`any(1..1000000000, true)`:           `column 6: there are no ranges, compare with < and >`,
		`any(marks, all(marks, true))`:       `column 1: all cannot be used inside of any`,
		`sortBy(marks, #)[0] == "x"`:         `column 1: unknown name "sortBy"`,
		`now().Year() == 2026`:               `column 1: unknown name "now"`,
		`repeat("x", 9) == ""`:               `column 1: unknown name "repeat", the nearest is "replace"`,
		`uper(app) == ""`:                    `column 1: unknown name "uper", the nearest is "upper"`,
		`$env.kind == "app"`:                 `column 1: unknown name "$env"`,
		`1 < severity < 5`:                   `column 14: compare one by one: a < b and b < c`,
		`(fields.a ?: fields.b) == 1`:        `column 22: ?: is not known, ?? is`,
		`app; true`:                          `column 1: this has to be one expression`,
		`b"x" == app`:                        `column 1: there are no bytes, write text`,
		`[time.Year] == [1]`:                 `column 7: write time.Year with parentheses behind it`,
		`time.Yer() == 2026`:                 `column 6: there is nothing inside of a time, such as Yer`,
		`time.Local() == time`:               `column 6: unknown name "Local"`,
		`time.Format(app) == ""`:             `column 6: Format needs a text in quotes`,
		`fields.lower("x") == 1`:             `column 8: fields.lower is no function`,
		`kind() == 1`:                        `column 1: text is no function`,
		`lower(app, app) == ""`:              `column 1: too many arguments for lower`,
		strings.Repeat("x", 999) + ` == 1`:   `column 1: unknown name "` + strings.Repeat("x", 64) + `…"`,
		`app.x == 1`:                         `column 5: there is nothing inside of text, such as x`,
		`app[0] == "s"`:                      `column 4: there is nothing inside of text`,
		`count(marks) == 1`:                  `column 1: not enough arguments for count`,
		"kind == \"\xff\"":                   `column 1: this is not UTF-8`,
		strings.Repeat("(", maxSource) + "1": `column 1: an expression has at most 32 KiB`,

		`kind == "router" && fields.stauts == 1`:                        `column 28: router lines have no field "stauts", the nearest is "status"; fields["stauts"] is not checked`,
		`kind == "router" && not (fields.stauts == 1)`:                  `column 33: router lines have no field "stauts", the nearest is "status"; fields["stauts"] is not checked`,
		`kind == "router" && len(fields.stauts) == 1`:                   `column 32: router lines have no field "stauts", the nearest is "status"; fields["stauts"] is not checked`,
		`kind != "app" && kind not in ["api", "addon"] && fields.x.y`:   `column 57: router and system lines have no field "x"; fields["x"] is not checked`,
		`fields.stauts == 1 and (kind == "router" or kind == "system")`: `column 8: router and system lines have no field "stauts", the nearest is "status"; fields["stauts"] is not checked`,
	} {
		_, err := Compile(expression)
		if mistake := (*Error)(nil); !errors.As(err, &mistake) || err.Error() != want {
			t.Errorf("%.60s: %v; want %s", expression, err, want)
		}
	}
}

func text(name, text string) fields.Field {
	return fields.Field{Name: name, Value: fields.Value{Text: text}}
}
