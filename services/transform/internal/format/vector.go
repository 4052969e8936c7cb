package format

import (
	"slices"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/event"
)

// appendVector appends the JSON object that Vector's splunk_hec_logs sink sends, with
// JSON encoding, of what its heroku_logs source made of the frame: keys in their order,
// and the query parameters of the drain's URL among them, which take the place of a key
// of their name. Their values are as the drain sends them: rules redact the body and
// indexed fields, and this is made after that. The sink takes the timestamp out, unless told auto_extract_timestamp.
func appendVector(dst []byte, e *event.Event) []byte {
	query := e.Request.GetQuery()
	var room [16]string
	keys := append(room[:0], "app_name", "host", "message", "proc_id", "source_type")
	for name := range query {
		if name != "timestamp" && !slices.Contains(keys, name) {
			keys = append(keys, name)
		}
	}
	if len(query) > 0 {
		slices.Sort(keys)
	}
	separator := byte('{')
	for _, key := range keys {
		dst = append(dst, separator)
		separator = ','
		dst = hec.AppendString(dst, []byte(key))
		dst = append(dst, ':')
		if value, ok := query[key]; ok {
			dst = hec.AppendString(dst, []byte(value))
		} else {
			dst = appendVectorValue(dst, key, e)
		}
	}
	return append(dst, '}')
}

func appendVectorValue(dst []byte, key string, e *event.Event) []byte {
	switch key {
	case "app_name":
		return hec.AppendString(dst, e.Line.App)
	case "host":
		return hec.AppendString(dst, e.Line.Host)
	case "message":
		return hec.AppendString(dst, withoutEnd(e.Text))
	case "proc_id":
		return hec.AppendString(dst, e.Line.Proc)
	default:
		return append(dst, `"heroku_logs"`...)
	}
}
