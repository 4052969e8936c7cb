package redact_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
)

// sequences are control sequences of a terminal that loggers write.
var sequences = []string{"\x1b[36m", "\x1b[0m", "\x1b[m", "\x1b[1;38;5;214m", "\x1b[38;2;1;2;3m", "\x1b[39m", "\x1b[2K", "\x1b(B", `\u001b[1m`, `\x1B[0m`, `\033[31m`}

// A secret is found wherever the colours change around it and in it.
func TestColoursHideNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(config.RedactPresets).Draw(t, "preset")
		_, in := plants[name](t)
		coloured := in
		for range rapid.IntRange(1, 4).Draw(t, "sequences") {
			i := rapid.IntRange(0, len(in)).Draw(t, "place")
			in = in[:i] + "\x00" + in[i:]
		}
		sequence := rapid.SampledFrom(sequences).Draw(t, "sequence")
		in, coloured = coloured, strings.ReplaceAll(in, "\x00", sequence)
		r := newRedactor(t, preset(name)...)
		want := text(t, r, in)
		if got := text(t, r, coloured); got != want {
			t.Errorf("%s: %q\nis   %q\nwant %q", name, coloured, got, want)
		}
	})
}

func TestPatternsSeeColoursAndNone(t *testing.T) {
	t.Parallel()
	const in = "\x1b[31mERROR\x1b[0m code\x1b[1m=77\x1b[0m"
	for _, c := range []struct{ list, want string }{
		{`code=\d+`, "ERROR ***"},
		{`\x1b\[31mERROR`, "***\x1b[0m code\x1b[1m=77\x1b[0m"},
		{`\[31mERROR`, "\x1b***\x1b[0m code\x1b[1m=77\x1b[0m"},
		{`\x1b\[31mERROR, =77`, "*** code***"},
		{`ERROR, =77`, "*** code***"},
		{`none`, in},
	} {
		var list []config.Redaction
		for pattern := range strings.SplitSeq(c.list, ", ") {
			list = append(list, config.Redaction{Pattern: pattern, With: "***"})
		}
		if got := text(t, newRedactor(t, list...), in); got != c.want {
			t.Errorf("%s: %q, want %q", c.list, got, c.want)
		}
	}
}
