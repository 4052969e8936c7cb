package heroku

import (
	"strings"

	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

// parseMeasurements takes the fields of a line that a dyno's or an add-on's metrics, or
// any pairs, make up: "source=DATABASE addon=postgresql-x-1 sample#load-avg-1m=0.26".
// Prose has none. Names are written with underscores.
func parseMeasurements(dst *fields.List, text string) {
	if strings.IndexByte(text, '=') < 0 {
		return
	}
	pairs := parse.NewPairs(dst, text)
	for pairs.Next() && !dst.Over() {
		if pairs.Value == "" {
			continue
		}
		switch pairs.Key {
		case "source", "addon":
			dst.AddText(pairs.Key, pairs.Value)
		case "dyno":
			dst.AddText("dyno_id", pairs.Value)
		default:
			field := pairs.Add()
			field.Name = underscored(dst, field.Name)
		}
	}
	if !pairs.Believable() {
		dst.Reset()
	}
}

// underscored is a name with underscores for its hyphens, in the memory of the list.
func underscored(list *fields.List, name string) string {
	if strings.IndexByte(name, '-') < 0 {
		return name
	}
	scratch := list.Scratch()
	begin := len(scratch)
	scratch = append(scratch, name...)
	for i := begin; i < len(scratch); i++ {
		if scratch[i] == '-' {
			scratch[i] = '_'
		}
	}
	return list.Keep(scratch, begin)
}
