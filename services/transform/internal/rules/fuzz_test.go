package rules

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// HEC takes for an indexed field what is no object and holds neither object nor array.
func FuzzFlat(f *testing.F) {
	for _, seed := range []string{`1`, `"[{"`, `[]`, `[1,"[","\"{",null]`, `[[]]`, `[{}]`, `{}`, `{"a":1}`, `["\\",[]]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var decoded any
		if strings.TrimSpace(value) != value || json.Unmarshal([]byte(value), &decoded) != nil {
			return // templates make JSON, and without white space around it
		}
		plain := true
		switch v := decoded.(type) {
		case map[string]any:
			plain = false
		case []any:
			for _, element := range v {
				switch element.(type) {
				case map[string]any, []any:
					plain = false
				}
			}
		}
		if isFlat([]byte(value)) != plain {
			t.Errorf("%s is flat: %v", value, !plain)
		}
	})
}

// A time is one that an event can have, and RFC 3339 is what package time reads.
func FuzzTime(f *testing.F) {
	for _, seed := range []string{
		"2024-05-01T12:00:00Z", "2024-05-01T12:00:00.123456789+02:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2262-01-01T00:00:00Z", "1970-01-01T00:00:00+05:00",
		"1714564800", "1714564800.5", "1714564800000", "1714564800000000", "1714564800000000000", "9223372036854775807",
		"9223372036854775808", "0", "0.000000001", "-1", "+1", "1e9", "1.", ".5", "1.x", "99999999999.999999999999",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ns, ok := parseTime(text)
		if ok && ns <= 0 {
			t.Errorf("%q is %d", text, ns)
		}
		if at, err := time.Parse(time.RFC3339, text); ok && err == nil && at.UnixNano() != ns {
			t.Errorf("%q is %d, not %d", text, ns, at.UnixNano())
		}
	})
}
