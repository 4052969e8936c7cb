package cases

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/cmd/drainline/internal/outcome"
	"github.com/drainline/drainline/services/cmd/drainline/internal/sender"
	"github.com/drainline/drainline/services/transform"
)

// Event is an event as it would be shipped, under the names that an expected event has.
type Event struct {
	// Destination has the names of those that get it as it is, in their order.
	Destination []string `json:"destination"`
	Time        string   `json:"time"`
	Host        string   `json:"host,omitempty"`
	Source      string   `json:"source,omitempty"`
	Sourcetype  string   `json:"sourcetype,omitempty"`
	Index       string   `json:"index,omitempty"`
	// Token names the HEC token that a rule chose, empty for the destination's own.
	Token   string `json:"token,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Code    string `json:"code,omitempty"`
	App     string `json:"app,omitempty"`
	Process string `json:"process,omitempty"`
	Dyno    string `json:"dyno,omitempty"`
	// Message is a body that is text, JSON one that is any other value than a string.
	Message *string                    `json:"message,omitempty"`
	JSON    json.RawMessage            `json:"json,omitempty"`
	Fields  map[string]json.RawMessage `json:"fields,omitempty"`

	identity
}

// identity tells events apart, whoever gets them.
type identity struct {
	// request is the number of the one that the event was made of.
	request uint64
	// content is what the event has for everybody who gets it.
	content string
}

// Outcome is what became of a case's input.
type Outcome struct {
	Events []Event `json:"events"`
	// Filtered counts what rules dropped.
	Filtered int `json:"filtered"`
	// Dead counts dead letters by reason.
	Dead map[string]int `json:"dead,omitempty"`
}

func newOutcome(out *transform.TrialOutput) (Outcome, error) {
	dead, err := outcome.Dead(out)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{Events: []Event{}, Filtered: out.Filtered, Dead: dead}
	names, byName := destinations(out)
	for _, name := range names {
		var events []Event
		for _, b := range byName[name] {
			for i := range b.Events {
				e, err := newEvent(b, &b.Events[i])
				if err != nil {
					return Outcome{}, fmt.Errorf("an event for %s: %w", name, err)
				}
				events = append(events, e)
			}
		}
		// Batches are a token's each, and metrics have their own. A sort that is stable leaves
		// a metric behind its line.
		slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.request, b.request) })
		o.Events = merge(o.Events, name, events)
	}
	return o, nil
}

// destinations gives the batches by destination, and the names in their order.
func destinations(out *transform.TrialOutput) (names []string, batches map[string][]*wire.Batch) {
	batches = map[string][]*wire.Batch{}
	for i := range out.Batches {
		b := &out.Batches[i]
		batches[b.Destination] = append(batches[b.Destination], b)
		names = append(names, b.Destination)
	}
	slices.Sort(names)
	return slices.Compact(names), batches
}

// merge adds the events of another destination to those of others. An event that is the
// same there stays one event; the others come in the order of what they were made of.
func merge(all []Event, destination string, events []Event) []Event {
	places := map[identity][]int{}
	for i := range all {
		places[all[i].identity] = append(places[all[i].identity], i)
	}
	merged := make([]Event, 0, max(len(all), len(events)))
	at := 0 // of the events of others that are not merged yet
	for _, e := range events {
		rest := places[e.identity]
		for len(rest) > 0 && rest[0] < at {
			rest = rest[1:]
		}
		places[e.identity] = rest
		if len(rest) > 0 {
			same := rest[0]
			all[same].Destination = append(all[same].Destination, destination)
			merged = append(merged, all[at:same+1]...)
			at = same + 1
			continue
		}
		for ; at < len(all) && all[at].request <= e.request; at++ {
			merged = append(merged, all[at])
		}
		e.Destination = []string{destination}
		merged = append(merged, e)
	}
	return append(merged, all[at:]...)
}

// newEvent describes an event of a batch, with parts of its memory.
func newEvent(b *wire.Batch, e *wire.Event) (Event, error) {
	event := Event{
		Time: time.Unix(0, e.TimeNS).UTC().Format(time.RFC3339Nano),
		Host: e.Host, Source: e.Source, Sourcetype: e.Sourcetype, Index: e.Index, Token: b.Token,
		Kind: e.Kind, Code: e.Code, App: outcome.App(b, e),
		Process: e.Process, Dyno: e.Dyno,
		identity: identity{request: sender.Number(b.Origins[e.Origin].RequestID)},
	}
	var text string
	switch {
	case len(e.JSON) == 0:
		text = strings.ToValidUTF8(string(e.Text), "\ufffd")
		event.Message = &text
	case json.Unmarshal(e.JSON, &text) == nil:
		event.Message = &text
	case json.Valid(e.JSON):
		event.JSON = e.JSON
	default:
		return Event{}, fmt.Errorf("its body is not JSON: %.200q", e.JSON)
	}
	for _, f := range e.Fields {
		if !json.Valid(f.JSON) {
			return Event{}, fmt.Errorf("its field %q is not JSON: %.200q", f.Name, f.JSON)
		}
		if event.Fields == nil {
			event.Fields = map[string]json.RawMessage{}
		}
		event.Fields[f.Name] = f.JSON
	}
	content, err := plainJSON(event)
	event.content = string(content)
	return event, err
}

// texts are the values of keys that are text.
func (e *Event) texts() map[string]string {
	return map[string]string{
		"host": e.Host, "source": e.Source, "sourcetype": e.Sourcetype, "index": e.Index, "token": e.Token,
		"kind": e.Kind, "code": e.Code, "app": e.App, "process": e.Process, "dyno": e.Dyno, "message": e.message(),
	}
}

// message is the body as text: that of a text or a JSON string, or JSON as it is.
func (e *Event) message() string {
	if e.Message != nil {
		return *e.Message
	}
	return string(e.JSON)
}

// plainJSON is a value as JSON in one line, without the escapes that browsers need.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err //nolint:wrapcheck // says what it is
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
