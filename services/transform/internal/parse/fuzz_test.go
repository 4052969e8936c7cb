package parse_test

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

func FuzzLogfmt(f *testing.F) {
	for _, seed := range []string{
		logfmtLine, proseLine, `a="x\"y" b= c =d ="e f" g="`, `a="\ud83d\ude00\ud83d\u0041\x1b\d"`, `a="b"c=d "e f=g"h=i`, "a=1e+5 b=-0.5\x00c=9007199254740993",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var list fields.List
		pairs := parse.NewPairs(&list, text)
		want := plainPairs(text)
		for i := 0; ; i++ {
			if more := pairs.Next(); more != (i < len(want)) {
				t.Fatalf("pair %d of %q: %v", i, want, more)
			} else if !more {
				break
			}
			got := parse.Typed(pairs.Value)
			if pairs.Quoted {
				got = fields.Value{Text: pairs.Value}
			}
			if w := plainValue(want[i][1]); pairs.Key != want[i][0] || got != w {
				t.Errorf("pair %d of %q: %s=%+v, want %+v", i, want, pairs.Key, got, w)
			}
		}
		for _, how := range []string{"logfmt", "auto"} {
			checkParser(t, how, []byte(text))
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		jsonLine, `{}`, `{"a":{"b":{"c":[1,{"d":2}]},"e":{ }}}`, `{"\ud83d\ude00":"\ud83d","a":"\u0000"}`, "{\"\xff\":[\"\xfe\"],\"\xff\":\"\xe2\x82\"}",
		`{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}},"b":1}`, `{"a":1e5,"b":1E-2,"c":1e999,"d":9007199254740993,"e":-0} `, `{"a":1} {}`, `{"":{"":{}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var list fields.List
		ok := parse.JSON.Parse(&list, body)
		want, wantOK := plainObject(body)
		if got := list.All(); ok != wantOK || len(got) != len(want) {
			t.Fatalf("%v %s, want %v %s", ok, show(got), wantOK, show(want))
		}
		for i, f := range list.All() {
			if name, value := []rune(f.Name), []rune(f.Value.Text); string(name) != want[i].Name || string(value) != want[i].Value.Text ||
				f.Value.Kind != want[i].Value.Kind || f.Value.Number != want[i].Value.Number {
				t.Errorf("%s, want %s", show([]fields.Field{f}), show(want[i:i+1]))
			}
		}
		checkParser(t, "json", body)
	})
}

// checkParser holds a parser to what its users count on.
func checkParser(t *testing.T, how string, body []byte) {
	t.Helper()
	p, err := parse.New(how)
	if err != nil {
		t.Fatal(err)
	}
	var list fields.List
	if ok := p.Parse(&list, body); !ok && len(list.All()) > 0 {
		t.Errorf("%s is false, and adds %s", how, show(list.All()))
	}
	if object := list.AppendJSON(nil); !json.Valid(object) || !utf8.Valid(object) {
		t.Errorf("%s is no JSON: %s", how, object)
	}
	for _, f := range list.All() {
		if f.Value.Kind == fields.Number && (math.IsNaN(f.Value.Number) || math.IsInf(f.Value.Number, 0)) || f.Metric && f.Value.Kind != fields.Number {
			t.Errorf("%s: %+v", how, f)
		}
	}
}

func TestTyped(t *testing.T) {
	t.Parallel()
	number := rapid.OneOf(
		rapid.StringMatching(`-?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{0,3})?`),
		rapid.Custom(func(t *rapid.T) string { return strconv.FormatFloat(rapid.Float64().Draw(t, "float"), 'g', -1, 64) }),
		rapid.Custom(func(t *rapid.T) string { return strconv.FormatInt(rapid.Int64().Draw(t, "int"), 10) }),
		rapid.StringMatching(`[-+.0-9eEx]{0,6}`), rapid.SampledFrom([]string{"true", "false", ""}),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := number.Draw(t, "number")
		if got, want := parse.Typed(text), plainTyped(text); got != want {
			t.Fatalf("%s is %+v, want %+v", text, got, want)
		}
	})
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want float64
	}{
		{"0ms", 0},
		{"12ms", 12},
		{"1.5ms", 1.5},
		{"30", 30},
		{"1.001s", 1001},
		{"2s", 2000},
		{"250us", 0.25},
		{"1000000ns", 1},
		{"", math.NaN()},
		{"ms", math.NaN()},
		{"3MB", math.NaN()},
		{"3%", math.NaN()},
		{"3bytes", math.NaN()},
		{"03ms", math.NaN()},
		{"1e+999s", math.NaN()},
	} {
		var list fields.List
		v, ok := parse.Duration(&list, c.text)
		if ok != !math.IsNaN(c.want) || ok && (v.Kind != fields.Number || v.Number != c.want || v.Text != strconv.FormatFloat(c.want, 'f', -1, 64)) {
			t.Errorf("%s is %+v, %v, want %v", c.text, v, ok, c.want)
		}
	}
}
