package splunk

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
)

// Marks that a player leaves in the text of a message, so that both ends can count it and time it: id=<any token> and
// t=<unix nanoseconds>.
const (
	idKey   = "id="
	timeKey = "t="
)

// ID returns the token after the last "id=" in an event's text or in its JSON, or "". The mark stands at the start or behind white
// space or a quote, so request_id= and ?id= are none.
func ID(text string) string {
	return string(mark([]byte(text), idKey))
}

// mark returns what stands behind the last key in text, up to white space, a quote, a backslash or a comma. It is nil without one.
func mark(text []byte, key string) []byte {
	for end := len(text); ; {
		at := bytes.LastIndex(text[:end], []byte(key))
		if at < 0 {
			return nil
		}
		if at == 0 || text[at-1] <= ' ' || text[at-1] == '"' {
			value := text[at+len(key):]
			if stop := slices.IndexFunc(value, endsMark); stop >= 0 {
				value = value[:stop]
			}
			if len(value) > 0 {
				return value
			}
		}
		end = at
	}
}

func endsMark(c byte) bool {
	return c <= ' ' || c == '"' || c == '\\' || c == ','
}

// made returns when an event was made, in Unix nanoseconds, if it tells.
func made(event []byte) (int64, bool) {
	value := mark(event, timeKey)
	if value == nil {
		return 0, false
	}
	at, err := strconv.ParseInt(string(value), 10, 64)
	return at, err == nil
}

// record adds ids to the ledger, and first to Options.Ledger. The caller holds s.indexing.
func (s *store) record(ids [][]byte) error {
	if s.options.Ledger != nil && len(ids) > 0 {
		lines := append(bytes.Join(ids, []byte{'\n'}), '\n')
		if _, err := s.options.Ledger.Write(lines); err != nil {
			return fmt.Errorf("write ledger: %w", err)
		}
	}
	for _, id := range ids {
		s.ledger.add(id)
	}
	return nil
}
