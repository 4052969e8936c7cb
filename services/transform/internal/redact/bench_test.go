package redact_test

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
)

// BenchmarkLine has lines without a secret for each preset and a few patterns.
func BenchmarkLine(b *testing.B) {
	redactions := preset(config.RedactPresets...)
	for _, pattern := range []string{"hunter2", `sk_live_\w+`, `(?i)session_id=(\w+)`, `\b\d{3}-\d\d-\d{4}\b`} {
		redactions = append(redactions, config.Redaction{Pattern: pattern, With: "***"})
	}
	for _, line := range []struct{ name, text string }{{"router", routerLine}, {"app", appLine}, {"json", jsonLine}} {
		for _, one := range redactions {
			b.Run(line.name+"/"+one.Preset+one.Pattern, func(b *testing.B) { benchmark(b, line.text, one) })
		}
		b.Run(line.name+"/all", func(b *testing.B) { benchmark(b, line.text, preset(config.RedactPresets...)...) })
	}
	b.Run("json/escapes", func(b *testing.B) { // every token is looked at
		benchmark(b, strings.Replace(jsonLine, "{", `{"said":"\u00e9\n\"x\"","n":-1.5e3,`, 1), preset("email")...)
	})
	b.Run("secrets", func(b *testing.B) {
		benchmark(b, "login of alice@example.org from 10.1.2.3 with password=hunter2 and Bearer abcdef", preset(config.RedactPresets...)...)
	})
}

// BenchmarkHostile tells by its throughput whether anything takes the square of the length.
func BenchmarkHostile(b *testing.B) {
	for _, part := range hostile {
		b.Run(strings.ReplaceAll(part, "/", "|"), func(b *testing.B) {
			benchmark(b, "@ ://"+strings.Repeat(part, 512<<10/len(part)), preset(config.RedactPresets...)...)
		})
	}
}

func benchmark(b *testing.B, line string, list ...config.Redaction) {
	b.Helper()
	r := newRedactor(b, list...)
	in := []byte(line)
	dst := make([]byte, 0, 4*len(in))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r.AppendText(dst, in)
	}
}
