package inspector

import (
	"net/url"
	"strings"
)

// filter chooses events. What is empty lets all pass.
type filter struct {
	// Text is looked for in the event's text, in any case.
	Text string
	// App and Kind are matched whole.
	App  string
	Kind string
}

// newFilter reads the query parameters text, app and kind, the first 200 bytes of each.
func newFilter(query url.Values) filter {
	get := func(name string) string {
		const longest = 200
		v := query.Get(name)
		return strings.ToValidUTF8(v[:min(len(v), longest)], "")
	}
	return filter{Text: get("text"), App: get("app"), Kind: get("kind")}
}

// Empty says that all events pass.
func (f filter) Empty() bool { return f == filter{} }

// latest are the newest limit of entries that pass, in their order, and how many
// more would.
func (f filter) latest(entries []*entry, limit int) (passed []*entry, more int) {
	text := strings.ToLower(f.Text)
	for _, e := range entries {
		if f.App != "" && e.App != f.App || f.Kind != "" && e.Kind != f.Kind {
			continue
		}
		if text == "" || strings.Contains(strings.ToLower(e.Text), text) {
			passed = append(passed, e)
		}
	}
	more = max(0, len(passed)-limit)
	return passed[more:], more
}
