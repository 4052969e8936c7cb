package splunk

import "bytes"

// parseLines takes the events of a raw body as Splunk breaks it by default: at line feeds, without a carriage return before them and
// without blank lines. Metadata is the query's. It returns as parse does.
func (b *batch) parseLines(body []byte) (code, at int) {
	if !b.allows(b.defaults.Index) {
		return codeIncorrectIndex, 0
	}
	for line := range bytes.Lines(body) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		event := b.defaults
		event.Event = line
		if b.poison != nil {
			if code := b.poison(event); code != codeSuccess {
				return code, len(b.events)
			}
		}
		b.events = append(b.events, event)
	}
	return codeSuccess, len(b.events)
}
