package parse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// The plain versions are slow and obvious; fuzz targets hold the fast ones to them.

const plainRest = `[^\x00-\x20]*`

var (
	plainQuoted = `"(?:[^"\\]|\\.)*(?:"` + plainRest + `|\\?$)`
	plainWord   = regexp.MustCompile(`(?s)^(?:([^\x00-\x20"=]*)=(` + plainQuoted + `|` + plainRest + `)|` + plainQuoted + `|` + plainRest + `)`)
	plainEscape = regexp.MustCompile(
		`(?s)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)`,
	)
	plainNumber = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-][0-9]+)?$`)
)

// plainPairs are the pairs of a text, with their values as they stand there.
func plainPairs(text string) (pairs [][2]string) {
	for {
		if text = strings.TrimLeftFunc(text, func(r rune) bool { return r <= ' ' }); text == "" {
			return pairs
		}
		m := plainWord.FindStringSubmatch(text)
		if m[1] != "" {
			pairs = append(pairs, [2]string{m[1], m[2]})
		}
		text = text[len(m[0]):]
	}
}

func plainUnescape(text string) string {
	return plainEscape.ReplaceAllStringFunc(text, func(escape string) string {
		switch escape[1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't', 'u':
			var s string
			if err := json.Unmarshal([]byte(`"`+escape+`"`), &s); err == nil {
				return s
			}
		case 'x':
			if s, err := strconv.Unquote(`"` + escape + `"`); err == nil {
				return s
			}
		}
		return escape
	})
}

func plainValue(raw string) fields.Value {
	if strings.HasPrefix(raw, `"`) {
		inside := raw[1:]
		if end := regexp.MustCompile(`(?s)^(?:[^"\\]|\\.)*"`).FindString(inside); end != "" {
			inside = end[:len(end)-1]
		}
		return fields.Value{Text: plainUnescape(inside)}
	}
	return plainTyped(raw)
}

func plainTyped(text string) fields.Value {
	if text == "true" || text == "false" {
		return fields.Value{Kind: fields.Bool, Text: text}
	}
	m := plainNumber.FindStringSubmatch(text)
	if m == nil {
		return fields.Value{Text: text}
	}
	return plainNumberValue(text)
}

func plainNumberValue(text string) fields.Value {
	n, err := strconv.ParseFloat(text, 64)
	whole, _ := strconv.ParseInt(text, 10, 64)
	if err != nil || !strings.ContainsAny(text, ".eE") && (whole == math.MaxInt64 || whole == math.MinInt64 || whole > 1<<53 || whole < -1<<53) {
		return fields.Value{Text: text}
	}
	return fields.Value{Kind: fields.Number, Text: text, Number: n}
}

// plainObject are the fields of a JSON object, by encoding/json.
func plainObject(body []byte) ([]fields.Field, bool) {
	trimmed := bytes.Trim(body, " \t\r\n")
	if !json.Valid(body) || !bytes.HasPrefix(trimmed, []byte("{")) || plainDepth(trimmed) > 256 {
		return nil, false
	}
	all := plainMembers(nil, nil, trimmed)
	if len(all) > fields.Max {
		return nil, false
	}
	return all, true
}

func plainDepth(body []byte) (deepest int) {
	depth := 0
	decoder := json.NewDecoder(bytes.NewReader(body))
	for token, err := decoder.Token(); err == nil; token, err = decoder.Token() {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		deepest = max(deepest, depth)
	}
	return deepest
}

func plainMembers(all []fields.Field, names []string, body []byte) []fields.Field {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.Token() // the brace
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			panic(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			panic(err)
		}
		path := slices.Concat(names, []string{key.(string)})
		name := strings.Join(path, ".")
		switch {
		case value[0] == '{' && len(path) < 8 && len(name) <= 256 && string(bytes.TrimSpace(value[1:])) != "}":
			all = plainMembers(all, path, value)
		default:
			all = append(all, fields.Field{Name: name, Value: plainScalar(value)})
		}
	}
	return all
}

func plainScalar(value []byte) fields.Value {
	switch value[0] {
	case '"':
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			panic(err)
		}
		return fields.Value{Text: text}
	case '{', '[':
		return fields.Value{Kind: fields.JSON, Text: string([]rune(string(value)))}
	case 't', 'f':
		return fields.Value{Kind: fields.Bool, Text: string(value)}
	case 'n':
		return fields.Value{Kind: fields.Null, Text: string(value)}
	default:
		return plainNumberValue(string(value))
	}
}

// show writes fields for people: name=value, text quoted, * behind a measurement's name.
func show(all []fields.Field) string {
	var b strings.Builder
	for i, f := range all {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.Name)
		if f.Metric {
			b.WriteByte('*')
		}
		switch f.Value.Kind {
		case fields.Text:
			fmt.Fprintf(&b, "=%q", f.Value.Text)
		case fields.Number:
			fmt.Fprintf(&b, "=%s", strconv.FormatFloat(f.Value.Number, 'f', -1, 64))
		default:
			fmt.Fprintf(&b, "=%s", f.Value.Text)
		}
	}
	return b.String()
}
