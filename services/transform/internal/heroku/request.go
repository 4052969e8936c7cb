package heroku

import (
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

// parseRequest takes the fields of a router line, of both generations. A key it does not
// know keeps its name, and has the type that its value looks like.
func parseRequest(dst *fields.List, text string) {
	described, code := false, ""
	pairs := parse.NewPairs(dst, text)
	for pairs.Next() {
		if pairs.Value == "" {
			continue
		}
		switch pairs.Key {
		case "code":
			code = pairs.Value
			dst.AddText(pairs.Key, pairs.Value)
		case "desc":
			described = true
			dst.AddText(pairs.Key, pairs.Value)
		case "at", "sock", "method", "path", "host", "request_id", "fwd", "dyno", "protocol", "tls_version":
			dst.AddText(pairs.Key, pairs.Value)
		case "connect", "service":
			value, ok := parse.Duration(dst, pairs.Value)
			addValue(dst, pairs.Key, value, ok)
		case "status", "bytes":
			value := parse.Typed(pairs.Value)
			addValue(dst, pairs.Key, value, value.Kind == fields.Number)
		case "tls":
			value := parse.Typed(pairs.Value)
			addValue(dst, pairs.Key, value, value.Kind == fields.Bool)
		default:
			pairs.Add()
		}
	}
	if !described && code != "" {
		addText(dst, "desc", Describe(code))
	}
}
