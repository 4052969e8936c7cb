package heroku

import (
	"strings"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// parseError takes the fields of a line with an R or an L code: "Error R14 (Memory quota
// exceeded)", "Error R10 (Boot timeout) -> Web process failed …", "Error L10 (output
// buffer overflow): 3 messages dropped since …", log-shuttle's "Error L12: 5 messages
// dropped since …".
func parseError(dst *fields.List, code, text string) {
	dst.AddText("code", code)
	rest, desc := strings.TrimPrefix(strings.TrimPrefix(text, "Error "), code), Describe(code)
	if named, ok := strings.CutPrefix(rest, " ("); ok {
		desc, rest, _ = strings.Cut(named, ")")
	}
	addText(dst, "desc", desc)
	detail := strings.TrimLeft(rest, "-:> ")
	if code[0] != 'L' || !strings.Contains(detail, " message") {
		addText(dst, "detail", detail)
		return
	}
	dst.AddNumber("lost", float64(lost(text)))
	if _, drain, ok := strings.Cut(detail, "drain '"); ok {
		drain, _, _ = strings.Cut(drain, "'")
		addText(dst, "drain", drain)
	}
	if _, since, ok := strings.Cut(detail, " since "); ok {
		addText(dst, "since", strings.TrimSuffix(since, "."))
	}
}
