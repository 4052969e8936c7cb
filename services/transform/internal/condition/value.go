package condition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// What one evaluation may make.
const (
	// maxText bounds a text, in bytes. A body that is only passed on may be larger.
	maxText = 16 << 20
	// maxList bounds a list that is looked into, in elements.
	maxList = 10_000
	// maxNested is how many dots of a name stand for maps in maps.
	maxNested = 32
)

var (
	errLongText = fmt.Errorf("this makes a text of more than %d MiB", maxText>>20)
	errLongList = fmt.Errorf("this list has more than %d elements", maxList)
	errNoValue  = errors.New("this is no value")
)

// missing is what is not there. JSON's null is the same.
var missing = fields.Value{Kind: fields.Null}

// lookupField finds a field by its name. An object, which was taken apart, is put
// together again.
func lookupField(list *fields.List, path string) fields.Value {
	if v, ok := list.Get(path); ok {
		return v
	}
	for _, f := range list.All() {
		if within(f.Name, path) {
			// It is no larger than the line, or not much.
			object, _ := writer{limit: math.MaxInt}.append(nil, nest(list.All(), path+"."))
			return fields.Value{Kind: fields.JSON, Text: fields.Alias(object)}
		}
	}
	return missing
}

func within(name, path string) bool {
	return len(name) > len(path) && name[len(path)] == '.' && name[:len(path)] == path
}

func lookupIndexed(e *event.Event, name string) fields.Value {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return parseJSON(fields.Alias(e.Fields[i].JSON))
		}
	}
	return missing
}

func lookupQuery(e *event.Event, name string) fields.Value {
	if text, ok := e.Request.GetQuery()[name]; ok {
		return fields.Value{Text: text}
	}
	return missing
}

func allIndexed(e *event.Event) map[string]any {
	all := make(map[string]any, len(e.Fields))
	for _, f := range e.Fields {
		if _, given := all[f.Name]; !given {
			all[f.Name] = toAny(parseJSON(fields.Alias(f.JSON)))
		}
	}
	return all
}

// nest puts together again what stood in objects, of the fields whose names begin with
// the prefix. Of two values for one name the first counts.
func nest(list []fields.Field, prefix string) map[string]any {
	root := map[string]any{}
	for _, f := range list {
		name, ok := strings.CutPrefix(f.Name, prefix)
		if !ok {
			continue
		}
		at := root
		for range maxNested {
			outer, inner, more := strings.Cut(name, ".")
			if !more {
				break
			}
			if _, given := at[outer]; !given {
				at[outer] = map[string]any{}
			}
			next, isMap := at[outer].(map[string]any)
			if !isMap {
				break
			}
			at, name = next, inner
		}
		if _, given := at[name]; !given {
			at[name] = toAny(f.Value)
		}
	}
	return root
}

// toAny is the value as the machine holds it: nil for what is missing.
func toAny(v fields.Value) any {
	switch v.Kind {
	case fields.Null:
		return nil
	case fields.Text:
		return v.Text
	default:
		return v
	}
}

// toValue is what operators see of what the machine holds. The error is of lists and
// maps that are too large.
func toValue(x any) (fields.Value, error) {
	switch x := x.(type) {
	case nil:
		return missing, nil
	case fields.Value:
		return x, nil
	case string:
		return fields.Value{Text: x}, nil
	case bool:
		return boolValue(x), nil
	case int:
		return intValue(int64(x)), nil
	case int64:
		return intValue(x), nil
	case float64:
		return numberValue(x), nil
	case time.Time:
		return fields.Value{Text: x.Format(time.RFC3339Nano)}, nil
	default:
		text, err := appendJSON(nil, x)
		return fields.Value{Kind: fields.JSON, Text: fields.Alias(text)}, err
	}
}

func boolValue(b bool) fields.Value {
	return fields.Value{Kind: fields.Bool, Text: strconv.FormatBool(b)}
}

func intValue(n int64) fields.Value {
	return fields.Value{Kind: fields.Number, Text: strconv.FormatInt(n, 10), Number: float64(n)}
}

// numberValue is missing for what is not finite.
func numberValue(n float64) fields.Value {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return missing
	}
	return fields.Value{Kind: fields.Number, Text: fields.Alias(fields.AppendNumber(nil, n)), Number: n}
}

// parseJSON is the value that one JSON value stands for. What floating point would make
// another number of is a text, as it is in fields: it may be an id.
func parseJSON(raw string) fields.Value {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return missing
	}
	switch raw[0] {
	case '"':
		return fields.Value{Text: unquote(raw)}
	case 'n':
		return missing
	case 't', 'f':
		return fields.Value{Kind: fields.Bool, Text: raw}
	case '[', '{':
		return fields.Value{Kind: fields.JSON, Text: raw}
	}
	n, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.Abs(n) > fields.MaxWhole && !strings.ContainsAny(raw, ".eE") {
		return fields.Value{Text: raw}
	}
	return fields.Value{Kind: fields.Number, Text: raw, Number: n}
}

func unquote(raw string) string {
	inside := strings.TrimSuffix(raw[1:], `"`)
	if strings.IndexByte(inside, '\\') < 0 {
		return inside
	}
	return fields.Alias(hec.AppendUnquoted(nil, fields.Bytes(inside)))
}

// textOf is what the operators of text see: nothing of what is missing, and the JSON of
// what is no text.
func textOf(v fields.Value) string {
	if v.Kind == fields.Null {
		return ""
	}
	return v.Text
}

// listOf are the elements of a list; of anything else there are none.
func listOf(x any) ([]any, error) {
	switch x := x.(type) {
	case []any:
		if len(x) > maxList {
			return nil, errLongList
		}
		return x, nil
	case []string:
		list := make([]any, len(x))
		for i := range x {
			list[i] = x[i]
		}
		return list, nil
	case fields.Value:
		if x.Kind != fields.JSON || !strings.HasPrefix(x.Text, "[") {
			return nil, nil
		}
		return elements(x.Text)
	default:
		return nil, nil
	}
}

func elements(array string) ([]any, error) {
	in := json.NewDecoder(strings.NewReader(array))
	if _, err := in.Token(); err != nil {
		return nil, fmt.Errorf("read a list: %w", err)
	}
	var list []any
	for in.More() {
		if len(list) == maxList {
			return nil, errLongList
		}
		var raw json.RawMessage
		if err := in.Decode(&raw); err != nil {
			return nil, fmt.Errorf("read a list: %w", err)
		}
		list = append(list, toAny(parseJSON(fields.Alias(raw))))
	}
	return list, nil
}

func isObject(x any) bool {
	switch x := x.(type) {
	case map[string]any, map[string]string:
		return true
	case fields.Value:
		return x.Kind == fields.JSON && strings.HasPrefix(x.Text, "{")
	default:
		return false
	}
}

// memberOf is what a map has under a name; nil if there is no such thing.
func memberOf(x any, name string) any {
	switch x := x.(type) {
	case map[string]any:
		return x[name]
	case map[string]string:
		if text, ok := x[name]; ok {
			return text
		}
	case fields.Value:
		return toAny(parseJSON(fields.Alias(objectOf(x)[name])))
	}
	return nil
}

// objectOf is what an object of JSON has; nil for anything else.
func objectOf(v fields.Value) map[string]json.RawMessage {
	if !isObject(v) {
		return nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(fields.Bytes(v.Text), &object) != nil {
		return nil
	}
	return object
}

// appendJSON appends a value as JSON, up to maxText bytes of it.
func appendJSON(dst []byte, x any) ([]byte, error) {
	return writer{limit: len(dst) + maxText}.append(dst, x)
}

type writer struct{ limit int }

func (w writer) append(dst []byte, x any) ([]byte, error) {
	var err error
	switch x := x.(type) {
	case []any:
		dst = append(dst, '[')
		for i := range x {
			if dst, err = w.append(comma(dst, i), x[i]); err != nil {
				return dst, err
			}
		}
		dst = append(dst, ']')
	case []string:
		dst = append(dst, '[')
		for i := range x {
			dst = hec.AppendString(comma(dst, i), fields.Bytes(x[i]))
		}
		dst = append(dst, ']')
	case map[string]string:
		all := make(map[string]any, len(x))
		for name, text := range x {
			all[name] = text
		}
		return w.append(dst, all)
	case map[string]any:
		dst = append(dst, '{')
		for i, name := range slices.Sorted(maps.Keys(x)) {
			dst = append(hec.AppendString(comma(dst, i), fields.Bytes(name)), ':')
			if dst, err = w.append(dst, x[name]); err != nil {
				return dst, err
			}
		}
		dst = append(dst, '}')
	case nil, string, bool, int, int64, float64, time.Time, fields.Value:
		v, _ := toValue(x)
		dst = appendValue(dst, v)
	default:
		return dst, errNoValue
	}
	if len(dst) > w.limit {
		return dst, errLongText
	}
	return dst, nil
}

func comma(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return append(dst, ',')
}

func appendValue(dst []byte, v fields.Value) []byte {
	if v.Kind == fields.Null {
		return append(dst, "null"...)
	}
	return v.AppendJSON(dst)
}

// compact is JSON without the spaces between its parts.
func compact(text string) string {
	var out bytes.Buffer
	if json.Compact(&out, fields.Bytes(text)) != nil {
		return text
	}
	return out.String()
}
