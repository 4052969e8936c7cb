package parse_test

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// hostile are lines that go on as they begin: a beginning, and what is repeated. A quote
// ends them.
var hostile = []struct{ begin, part string }{
	{`a=b c="`, `\\`},
	{`a=b c="`, `\"`},
	{`a=b c="`, `\"\"\\`},
	{`a=b c="`, `\x41`},
	{`a=b c="`, `\ud83d`},
	{`a="`, `" b="`},
	{`a=`, `"\"`},
	{`a=b c=`, `d\="`},
	{`a=`, `=`},
	{`a=`, ` =`},
	{`a=`, ` ="`},
	{`"`, `" "`},
	{``, ` a="\`},
	{`a=`, ` `},
	{`a=`, `7`},
	{`sample#a=1.`, `0`},
	{`sample#a=1e+`, `9`},
	{`{"a":"`, `\"`},
	{`{"a":1,"b":"`, `x`},
	{`{"a":"`, `\\`},
	{`{"`, `\u0000`},
	{``, `{"a":`},
	{`{"a":`, `[`},
	{`{"a":[0`, `,{}`},
	{`{"a":0`, `,"a":0`},
}

func hostileLine(begin, part string, size int) []byte {
	return []byte(begin + strings.Repeat(part, size/len(part)) + `"`)
}

// TestHostileLines would take longer than go test allows (10 minutes) if anything took
// the square of the length.
func TestHostileLines(t *testing.T) {
	t.Parallel()
	const size = 16 << 20
	var list fields.List
	for _, h := range hostile {
		line := hostileLine(h.begin, h.part, size)
		for _, how := range []string{"auto", "logfmt", "json"} {
			list.Reset()
			parser(t, how).Parse(&list, line)
		}
	}
}

func BenchmarkHostile(b *testing.B) {
	for _, h := range hostile {
		b.Run(strings.ReplaceAll(h.begin+"_"+h.part, "/", "|"), func(b *testing.B) {
			p := parser(b, "auto")
			line := hostileLine(h.begin, h.part, 512<<10)
			var list fields.List
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				list.Reset()
				p.Parse(&list, line)
			}
		})
	}
}
