package parse_test

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

// nothing stands for a body that a parser has no fields of.
const nothing = "-"

func parser(tb testing.TB, how string) parse.Parser {
	tb.Helper()
	p, err := parse.New(how)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func parsed(tb testing.TB, how, body string) string {
	tb.Helper()
	var list fields.List
	ok := parser(tb, how).Parse(&list, []byte(body))
	if !ok && len(list.All()) > 0 {
		tb.Errorf("%s of %q is false, and adds %s", how, body, show(list.All()))
	}
	if !ok {
		return nothing
	}
	return show(list.All())
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ how, body, want string }{
		{"none", `{"a":1}`, nothing},
		{"none", `a=1 b=2`, nothing},

		{"logfmt", ``, nothing},
		{"logfmt", `hello world`, nothing},
		{"logfmt", `a=1`, `a=1`},
		{"logfmt", `foo=bar a=14 baz="hello kitty" cool%story=bro f %^asdf`, `foo="bar" a=14 baz="hello kitty" cool%story="bro"`},
		{"logfmt", "\ta=x\r\nb=y\n", `a="x" b="y"`},
		{"logfmt", `a= b="" c`, `a="" b=""`},
		{"logfmt", `a=b=c d="x=y z" e=x"y z=1`, `a="b=c" d="x=y z" e="x\"y" z=1`},
		{"logfmt", `a="\"\\\n\u00e9\ud83d\ude00\x1b\/" b=\n`, `a="\"\\\né😀\x1b/" b="\\n"`},
		{"logfmt", `a="\d\u12\ud83dx\xzz"`, `a="\\d\\u12�x\\xzz"`},
		{"logfmt", `a="never closed b=1`, `a="never closed b=1"`},
		{"logfmt", `a="ends in a slash\`, `a="ends in a slash\\"`},
		{"logfmt", `a="x"b=1 c=2`, `a="x" c=2`},
		{"logfmt", `"quoted a=1" =2 ="3 b=4" =a=b x"y=5 c=6`, `c=6`},
		{"logfmt", `a=1 a=2`, `a=1 a=2`},
		{"logfmt", `t=true f=false T=True n=null`, `t=true f=false T="True" n="null"`},
		{"logfmt", `a=0 b=-1 c=1.50 d=1e+06 e=-2.5E-3 f=-0`, `a=0 b=-1 c=1.5 d=1000000 e=-0.0025 f=-0`},
		{"logfmt", `a=007 b=1.2.3 c=0x10 d=.5 e=5. f=+1 g=1e5 h=1_000 i=--1 j=1e+`, `a="007" b="1.2.3" c="0x10" d=".5" e="5." f="+1" g="1e5" h="1_000" i="--1" j="1e+"`},
		{"logfmt", `a=9007199254740992 b=9007199254740993 c=12345678901234567890 d=1e+999`, `a=9007199254740992 b="9007199254740993" c="12345678901234567890" d="1e+999"`},
		{"logfmt", `a="1" b="true"`, `a="1" b="true"`},
		{"logfmt", `took=3ms size=5MB`, `took="3ms" size="5MB"`},
		{"logfmt", `measure#db.query=12ms sample#heap=1.5MB count#jobs=3`, `db.query*=12 heap*=1572864 jobs*=3`},
		{"logfmt", `measure#a=1s measure#b=1.001s measure#c=250us measure#d=250µs measure#e=1500000ns`, `a*=1000 b*=1001 c*=0.25 d*=0.25 e*=1.5`},
		{"logfmt", `sample#a=1bytes sample#b=2kB sample#c=0.5GB sample#d=7pages sample#e=12.5% sample#f=1TiB`, `a*=1 b*=2048 c*=536870912 d*=7 e*=12.5 f*=1099511627776`},
		{"logfmt", `sample#a=x sample#b=3furlongs sample#c= sample#=1 other#d=1`, `sample#a="x" sample#b="3furlongs" sample#c="" sample#=1 other#d=1`},
		{"logfmt", `count#id=12345678901234567890`, `id*=12345678901234567000`},

		{"json", ``, nothing},
		{"json", `[{"a":1}]`, nothing},
		{"json", `{"a":1} x`, nothing},
		{"json", `{"a":01}`, nothing},
		{"json", `{"a":1,}`, nothing},
		{"json", `{"a":{"b":1}`, nothing},
		{"json", "{\"a\":\"\n\"}", nothing},
		{"json", `{}`, ``},
		{"json", " {\"a\" : \"x\" ,\n\"b\":1.50,\"c\":true,\"d\":null}\r\n", `a="x" b=1.5 c=true d=null`},
		{"json", `{"user":{"id":7,"tags":["a", 1],"x":{"y":"z"}},"e":{},"f":[]}`, `user.id=7 user.tags=["a", 1] user.x.y="z" e={} f=[]`},
		{"json", `{"a":1,"a":2,"a.b":3,"a":{"b":4}}`, `a=1 a=2 a.b=3 a.b=4`},
		{"json", `{"":{"":1},"a":{"":2}}`, `.=1 a.=2`},
		{"json", `{"\u0061\n":"\"\ud83d\ude00\/"}`, "a\n=\"\\\"😀/\""},
		{"json", `{"a":1e5,"b":1E-2,"c":1e999,"d":9007199254740993,"e":-0}`, `a=100000 b=0.01 c="1e999" d="9007199254740993" e=-0`},
		{"json", `{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}},"b":1}`, `a.a.a.a.a.a.a.a={"a":1} b=1`},
		{"json", `{"` + strings.Repeat("a", 257) + `":{"b":1}}`, strings.Repeat("a", 257) + `={"b":1}`},

		{"auto", ``, nothing},
		{"auto", "\n {\"a\":1}", `a=1`},
		{"auto", `{"a":1`, nothing},
		{"auto", `{a=1 b=2}`, nothing},
		{"auto", `level=info msg="hello world" n=3`, `level="info" msg="hello world" n=3`},
		{"auto", `at=info method=GET path=/ status=200`, `at="info" method="GET" path="/" status=200`},
		{"auto", `measure#db=3ms`, `db*=3`},
		{"auto", `INFO: a=1 b=2 c=3`, `a=1 b=2 c=3`},

		// Prose, source code and the like.
		{"auto", `hello world`, nothing},
		{"auto", `a=1`, nothing},
		{"auto", `Completed 200 OK in 5ms (Views: 3.2ms | ActiveRecord: 0.5ms)`, nothing},
		{"auto", `the user with id=5 did not find name=x in the list`, nothing},
		{"auto", `Please set FOO=bar and BAZ=1 in your environment`, nothing},
		{"auto", `GET https://example.com/?a=1&b=2 https://example.com/?c=3`, nothing},
		{"auto", `if (a==1 && b==2) c=3`, nothing},
		{"auto", `a == b c == d`, nothing},
		{"auto", `User{id=1, name=x, age=3}`, nothing},
		{"auto", `x=1, y=2, z=3`, nothing},
		{"auto", `x = 1; y = 2;`, nothing},
		{"auto", `SELECT * FROM users WHERE id=1 AND name='x'`, nothing},
		{"auto", `<a href="x" class="y">link</a> <b id="z">`, nothing},
		{"auto", `dGVzdA== dGVzdDI== dGVzdDM=`, nothing},
		{"auto", `--name=x --value=y`, nothing},
		{"auto", "Traceback (most recent call last):\n  File \"x.py\", line 1, in f\n    a=1\n    b=2", nothing},

		{`(?P<user>\w+) took (?P<took>[\d.]+)ms`, `bob took 3.5ms`, `user="bob" took=3.5`},
		{`(?P<user>\w+) took (?P<took>[\d.]+)ms`, `bob slept`, nothing},
		{`(?P<a>x)|(?P<b>y)`, `y`, `b="y"`},
		{`(\w+) (?<b>.*)`, `x `, `b=""`},
	} {
		if got := parsed(t, c.how, c.body); got != c.want {
			t.Errorf("%s of %s\ngot  %s\nwant %s", c.how, c.body, got, c.want)
		}
	}
}

func TestTooManyFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ how, before, each, after string }{
		{"logfmt", "", "a=1 ", ""},
		{"auto", "", "a=1 ", ""},
		{"json", `{"x":{"a":1`, `,"a":2`, "}}"},
		{"auto", `{"x":{"a":1`, `,"a":2`, "}}"},
	} {
		n := fields.Max - strings.Count(c.before, "1")
		if got := parsed(t, c.how, c.before+strings.Repeat(c.each, n)+c.after); strings.Count(got, "=") != fields.Max {
			t.Errorf("%s: %d fields", c.how, strings.Count(got, "="))
		}
		if got := parsed(t, c.how, c.before+strings.Repeat(c.each, n+1)+c.after); got != nothing {
			t.Errorf("%s: %d fields, want none", c.how, strings.Count(got, "="))
		}
	}
}

// Many fields under one long name do not multiply it.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var list fields.List
	body := `{"` + strings.Repeat("a", 1<<20) + `":{"x":0` + strings.Repeat(`,"b":1`, 200) + `}}`
	if !parse.JSON.Parse(&list, []byte(body)) || len(list.All()) != 1 || cap(list.Scratch()) > 1<<20 {
		t.Errorf("%d fields, %d bytes", len(list.All()), cap(list.Scratch()))
	}
	body = `{"` + strings.Repeat("a", 256) + `":{"x":0` + strings.Repeat(`,"b":1`, 100_000) + `}}`
	if parse.JSON.Parse(&list, []byte(body)) || len(list.All()) != 0 || cap(list.Scratch()) > 1<<20 {
		t.Errorf("%d fields, %d bytes", len(list.All()), cap(list.Scratch()))
	}
}

// Where arrays and objects begin in a body does not matter, only how deep they go.
func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	for _, part := range [][2]string{{`{"a":`, "}"}, {`{"a":[`, "]}"}, {`{"a":{"b":{"c":{"d":[[[[`, "]]]]}}}}"}} {
		levels := strings.Count(part[0], "{") + strings.Count(part[0], "[")
		n := hec.DefaultMaxDepth / levels
		nested := func(within string) []byte {
			return []byte(strings.Repeat(part[0], n) + within + strings.Repeat(part[1], n))
		}
		for _, within := range []string{"1", "[]", "{}", `[{"x":1}]`} {
			var list fields.List
			if got, want := parse.JSON.Parse(&list, nested(within)), hec.IsObject(nested(within)); got != want || want != (within == "1") {
				t.Errorf("%d times %s around %s: %v, want %v", n, part[0], within, got, want)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ how, want string }{
		{"", "without named groups"},
		{"xml", "without named groups"},
		{`(\w+)`, "without named groups"},
		{`(?P<a>\w+`, "missing closing )"},
		// So there are fewer groups than a line may have fields.
		{strings.Repeat(`(?P<a>x)`, fields.Max), "the pattern is too large"},
	} {
		if p, err := parse.New(c.how); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, %v, want %s", c.how, p, err, c.want)
		}
	}
}

//nolint:paralleltest // AllocsPerRun counts what the whole process allocates.
func TestParsersDoNotAllocate(t *testing.T) {
	var list fields.List
	for how, body := range map[string]string{
		"logfmt": logfmtLine,
		"auto":   logfmtLine,
		"json":   jsonLine,
		"none":   jsonLine,
	} {
		p, err := parse.New(how)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(body)
		if allocs := testing.AllocsPerRun(20, func() {
			list.Reset()
			p.Parse(&list, text)
		}); allocs != 0 {
			t.Errorf("%s: %v allocations", how, allocs)
		}
	}
}

const (
	logfmtLine = `time=2024-05-01T12:00:00.123Z level=info msg="request \"done\"" method=GET path=/users/7 status=200 took=0.0123 ` +
		`request_id=59da6323-2bc4-4143-8677-cc66ccfb115f user=7 cached=false measure#db=3.5ms`
	jsonLine = `{"time":"2024-05-01T12:00:00.123Z","level":"info","msg":"request \"done\"","http":{"method":"GET","path":"/users/7",` +
		`"status":200},"took":0.0123,"request_id":"59da6323-2bc4-4143-8677-cc66ccfb115f","user":{"id":7,"tags":["a","b"]},"cached":false}`
	proseLine = `Started GET "/users/7?page=2" for 10.1.2.3 at 2024-05-01 12:00:00 +0000, and the controller answered it with id=5 in 12ms (Views: 3.2ms)`
)

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, how, body string }{
		{"logfmt", "logfmt", logfmtLine},
		{"auto logfmt", "auto", logfmtLine},
		{"auto prose", "auto", proseLine},
		{"json", "json", jsonLine},
		{"pattern", `Started (?P<method>[A-Z]+) "(?P<path>[^"]*)"`, proseLine},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, err := parse.New(c.how)
			if err != nil {
				b.Fatal(err)
			}
			var list fields.List
			body := []byte(c.body)
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				list.Reset()
				p.Parse(&list, body)
			}
		})
	}
}
