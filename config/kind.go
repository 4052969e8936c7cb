package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is what a key's value must look like: its type and its bounds.
type kind struct {
	rule   string // completes "must be …"
	text   bool   // a string, or a Secret
	secret bool
	source bool // an expression or a pattern, which a problem repeats as it is: it is no URL
	// parse turns what a file, the environment or a flag gives into the type of
	// the Config's field, and reports whether the rule holds.
	parse func(raw any) (any, bool)
	// reason says of a value that does not fit what rule leaves open, or nothing.
	reason func(raw any) string
}

func (k kind) fits(raw any) bool {
	_, ok := k.parse(raw)
	return ok
}

// why says what is wrong with a value that does not fit.
func (k kind) why(raw any) string {
	if k.reason != nil {
		if reason := k.reason(raw); reason != "" {
			return reason
		}
	}
	return "must be " + k.rule
}

// How the environment gives a boolean.
const (
	on  = "true"
	off = "false"
)

func boolean() kind {
	return kind{rule: "true or false", parse: func(raw any) (any, bool) {
		switch raw {
		case true, on:
			return true, true
		case false, off:
			return false, true
		default:
			return nil, false
		}
	}}
}

// count is a whole number of at least one.
func count(most int) kind { return number(1, most) }

func number(least, most int) kind {
	return kind{
		rule: fmt.Sprintf("a whole number from %d to %d", least, most),
		parse: func(raw any) (any, bool) {
			n, ok := toInt(raw)
			return n, ok && least <= n && n <= most
		},
	}
}

// numberOrZero is a whole number that may be 0, which is none.
func numberOrZero(least, most int) kind {
	bounded := number(least, most)
	return kind{
		rule: "0 or " + bounded.rule,
		parse: func(raw any) (any, bool) {
			if n, ok := toInt(raw); ok && n == 0 {
				return n, true
			}
			return bounded.parse(raw)
		},
	}
}

// percentage is a number from 0 to 100.
func percentage() kind {
	return kind{rule: "a number from 0 to 100", parse: func(raw any) (any, bool) {
		var n float64
		switch v := raw.(type) {
		case int:
			n = float64(v)
		case float64:
			n = v
		case string:
			parsed, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return n, false
			}
			n = parsed
		default:
			return n, false
		}
		return n, 0 <= n && n <= 100
	}}
}

func oneOf(numbers ...int) kind {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(n)
	}
	return kind{rule: alternatives(words), parse: func(raw any) (any, bool) {
		n, ok := toInt(raw)
		return n, ok && slices.Contains(numbers, n)
	}}
}

func toInt(raw any) (int, bool) {
	switch v := raw.(type) {
	case int:
		return v, true
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	default:
		return 0, false
	}
}

const (
	tls12 = "1.2"
	tls13 = "1.3"
)

// tlsVersion also takes what YAML makes of a version without quotes.
func tlsVersion() kind {
	return kind{rule: tls12 + " or " + tls13, text: true, parse: func(raw any) (any, bool) {
		version := fmt.Sprint(raw)
		return version, version == tls12 || version == tls13
	}}
}

// timestamp is a moment, kept in UTC, or none. YAML reads one without quotes by
// itself. The years are those whose nanoseconds since 1970 have 63 bits.
func timestamp() kind {
	const rule = "empty or a time from 1970 to 2261 as RFC 3339 has it, such as 2024-05-01T12:00:00Z"
	return kind{rule: rule, parse: func(raw any) (any, bool) {
		t, ok := toTime(raw)
		return t, ok && (t.IsZero() || 1970 <= t.Year() && t.Year() <= 2261)
	}}
}

func toTime(raw any) (time.Time, bool) {
	switch v := raw.(type) {
	case time.Time:
		return v.UTC(), true
	case string:
		if v == "" {
			return time.Time{}, true
		}
		t, err := time.Parse(time.RFC3339, v)
		return t.UTC(), err == nil
	default:
		return time.Time{}, false
	}
}

func choice(words ...string) kind {
	return text(alternatives(words), func(s string) bool { return slices.Contains(words, s) })
}

// acknowledgement also takes what YAML 1.1 makes of on and off without quotes, as tools
// speak it that make files out of templates.
func acknowledgement() kind {
	k := choice(AckAuto, AckOn, AckOff)
	words := k.parse
	k.parse = func(raw any) (any, bool) {
		switch raw {
		case true:
			return AckOn, true
		case false:
			return AckOff, true
		default:
			return words(raw)
		}
	}
	return k
}

func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func duration(least, most time.Duration) kind {
	return kind{
		rule: fmt.Sprintf("a duration from %s to %s", formatDuration(least), formatDuration(most)),
		parse: func(raw any) (any, bool) {
			d, ok := toDuration(raw)
			return d, ok && least <= d && d <= most
		},
	}
}

// durationOrZero is a duration that may be 0, which is never.
func durationOrZero(least, most time.Duration) kind {
	bounded := duration(least, most)
	return kind{
		rule: "0 or " + bounded.rule,
		parse: func(raw any) (any, bool) {
			if d, ok := toDuration(raw); ok && d == 0 {
				return d, true
			}
			return bounded.parse(raw)
		},
	}
}

func toDuration(raw any) (time.Duration, bool) {
	switch v := raw.(type) {
	case time.Duration:
		return v, true
	case int: // a bare 0 needs no unit
		return 0, v == 0
	case string:
		d, err := time.ParseDuration(v)
		return d, err == nil
	default:
		return 0, false
	}
}

// formatDuration leaves out the zero minutes and seconds that Duration.String
// writes after full hours.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func size(least, most Bytes) kind {
	return kind{
		rule: fmt.Sprintf("a size from %s to %s", least, most),
		parse: func(raw any) (any, bool) {
			b, ok := toBytes(raw)
			return b, ok && least <= b && b <= most
		},
	}
}

// sizeOrZero is a size that may be 0, which leaves the choice to Drainline.
func sizeOrZero(least, most Bytes) kind {
	bounded := size(least, most)
	return kind{
		rule: "0 or " + bounded.rule,
		parse: func(raw any) (any, bool) {
			if b, ok := toBytes(raw); ok && b == 0 {
				return b, true
			}
			return bounded.parse(raw)
		},
	}
}

func toBytes(raw any) (Bytes, bool) {
	switch v := raw.(type) {
	case Bytes:
		return v, true
	case int:
		return Bytes(v), true
	case string:
		return parseBytes(v)
	default:
		return 0, false
	}
}

// text is a string that satisfies ok. A number or boolean is refused even so:
// YAML would already have changed what was written, such as 0123 or 1e5.
func text(rule string, ok func(string) bool) kind { return normalised(rule, as(ok)) }

// normalised is a string that is not always kept as it is written.
func normalised(rule string, tidy func(string) (string, bool)) kind {
	return kind{rule: rule, text: true, parse: func(raw any) (any, bool) {
		s, ok := raw.(string)
		if !ok {
			return nil, false
		}
		return tidy(s)
	}}
}

// as keeps a string as it is written.
func as(ok func(string) bool) func(string) (string, bool) {
	return func(s string) (string, bool) { return s, ok(s) }
}

// optional also takes empty text.
func optional(k kind) kind {
	parse := k.parse
	k.rule = "empty or " + k.rule
	k.parse = func(raw any) (any, bool) {
		if raw == "" {
			return "", true
		}
		return parse(raw)
	}
	return k
}

// secret is text that is kept as a Secret. Empty is the same as not given.
func secret(rule string, ok func(string) bool) kind {
	return kind{rule: rule, text: true, secret: true, parse: func(raw any) (any, bool) {
		switch v := raw.(type) {
		case Secret:
			return v, v == "" || ok(v.Reveal())
		case string:
			return Secret(v), v == "" || ok(v)
		default:
			return nil, false
		}
	}}
}

// listOf is a list of different strings, or one string with commas between
// them, which is how the environment gives a list.
func listOf(rule string, least int, tidy func(string) (string, bool)) kind {
	return kind{rule: rule, parse: func(raw any) (any, bool) {
		items := toList(raw)
		out := make([]string, 0, len(items))
		for _, item := range items {
			s, isText := item.(string)
			s, ok := tidy(s)
			if !isText || !ok || slices.Contains(out, s) {
				return nil, false
			}
			out = append(out, s)
		}
		return out, items != nil && len(out) >= least
	}}
}

// wordList is a list of some of the words, in the order that is given.
func wordList(words ...string) kind {
	rule := "a list of different words out of " + strings.Join(words, ", ") + ", at least one"
	return listOf(rule, 1, as(func(s string) bool { return slices.Contains(words, s) }))
}

// textMap is a map of text, nil when it is empty. The environment gives one as
// a=b,c=d.
func textMap(rule string, ok func(name, value string) bool) kind {
	return kind{rule: rule, parse: func(raw any) (any, bool) {
		pairs, isMap := toPairs(raw)
		if len(pairs) == 0 {
			return map[string]string(nil), isMap
		}
		out := make(map[string]string, len(pairs))
		for name, item := range pairs {
			value, isText := item.(string)
			if !isText || !ok(name, value) {
				return nil, false
			}
			out[name] = value
		}
		return out, true
	}}
}

func toPairs(raw any) (map[string]any, bool) {
	pairs := map[string]any{}
	switch v := raw.(type) {
	case map[string]any:
		return v, true
	case map[string]string:
		for name, value := range v {
			pairs[name] = value
		}
		return pairs, true
	case string:
		for item := range strings.SplitSeq(v, ",") {
			name, value, ok := strings.Cut(strings.TrimSpace(item), "=")
			if _, twice := pairs[name]; twice || !ok && v != "" {
				return nil, false
			}
			if ok {
				pairs[name] = value
			}
		}
		return pairs, true
	default:
		return nil, false
	}
}

// toList returns nil for what is no list.
func toList(raw any) []any {
	items := []any{}
	switch v := raw.(type) {
	case []any:
		return append(items, v...)
	case []string:
		for _, s := range v {
			items = append(items, s)
		}
		return items
	case string:
		if v == "" {
			return items
		}
		for s := range strings.SplitSeq(v, ",") {
			items = append(items, strings.TrimSpace(s))
		}
		return items
	default:
		return nil
	}
}
