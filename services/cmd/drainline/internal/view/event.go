// Package view is events and dead letters as the operator's commands show them.
package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/cmd/drainline/internal/outcome"
	"github.com/drainline/drainline/services/internal/display"
)

// maxBody is how much of a body is shown to people, in characters.
const maxBody = 500

// Event is an event as it is shown. What is not known is empty.
type Event struct {
	// Time is the event's own, Received when Drainline got it.
	Time     time.Time `json:"time,omitzero"`
	Received time.Time `json:"received,omitzero"`

	App        string `json:"app,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Code       string `json:"code,omitempty"`
	Process    string `json:"process,omitempty"`
	Dyno       string `json:"dyno,omitempty"`
	Drain      string `json:"drain,omitempty"`
	Credential string `json:"credential,omitempty"`
	RequestID  string `json:"request_id,omitempty"`
	TraceID    string `json:"trace_id,omitempty"`

	Destination string                     `json:"destination,omitempty"`
	Host        string                     `json:"host,omitempty"`
	Source      string                     `json:"source,omitempty"`
	Sourcetype  string                     `json:"sourcetype,omitempty"`
	Index       string                     `json:"index,omitempty"`
	Fields      map[string]json.RawMessage `json:"fields,omitempty"`

	// One of them is the body; text that is no UTF-8 has U+FFFD in its place.
	Text string          `json:"text,omitempty"`
	JSON json.RawMessage `json:"json,omitempty"`
}

// newEvent shows an event of a batch. It holds nothing of the batch's memory.
func newEvent(b *wire.Batch, e *wire.Event) *Event {
	from := &b.Origins[e.Origin]
	v := &Event{
		Time: moment(e.TimeNS), Received: moment(from.ReceivedNS), App: strings.Clone(outcome.App(b, e)),
		Kind: strings.Clone(e.Kind), Code: strings.Clone(e.Code), Process: strings.Clone(e.Process), Dyno: strings.Clone(e.Dyno),
		Drain: strings.Clone(from.DrainToken), Credential: strings.Clone(from.Credential), TraceID: TraceID(from.Traceparent),
		Destination: strings.Clone(b.Destination), Host: strings.Clone(e.Host), Source: strings.Clone(e.Source),
		Sourcetype: strings.Clone(e.Sourcetype), Index: strings.Clone(e.Index),
	}
	if !from.RequestID.IsZero() {
		v.RequestID = from.RequestID.String()
	}
	for _, f := range e.Fields {
		if !json.Valid(f.JSON) {
			continue
		}
		if v.Fields == nil {
			v.Fields = make(map[string]json.RawMessage, len(e.Fields))
		}
		v.Fields[strings.Clone(f.Name)] = append(json.RawMessage(nil), f.JSON...)
	}
	if json.Valid(e.JSON) {
		v.JSON = append(json.RawMessage(nil), e.JSON...)
	} else {
		v.Text = strings.ToValidUTF8(string(append(e.JSON, e.Text...)), "\uFFFD")
	}
	return v
}

func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// TraceID is the trace of a traceparent header, empty where that is none.
func TraceID(traceparent string) string {
	parts := strings.Split(traceparent, "-")
	if len(parts) < 4 || len(parts[1]) != 32 {
		return ""
	}
	return strings.Clone(parts[1])
}

// Body is the event's text or JSON.
func (v *Event) Body() string {
	if len(v.JSON) > 0 {
		return string(v.JSON)
	}
	return v.Text
}

// Line shows the event to people, safe for a terminal.
func (v *Event) Line() string {
	var line strings.Builder
	if !v.Time.IsZero() {
		line.WriteString(v.Time.Format("15:04:05.000 "))
	}
	for _, word := range []string{v.App, v.who(), v.Kind, v.Code} {
		if word != "" {
			line.WriteString(display.Cut(word, 60) + " ")
		}
	}
	if v.Destination != "" {
		fmt.Fprintf(&line, "> %s ", display.Cut(v.Destination, 60))
	}
	if v.Index != "" {
		fmt.Fprintf(&line, "index=%s ", display.Cut(v.Index, 60))
	}
	if v.TraceID != "" {
		fmt.Fprintf(&line, "trace=%s ", display.Text(v.TraceID))
	}
	return line.String() + "| " + display.Cut(v.Body(), maxBody)
}

func (v *Event) who() string {
	if v.Dyno != "" {
		return v.Dyno
	}
	return v.Process
}

// originOf is what is known of where a request came from.
func originOf(r *drainlinev1.Request, app string) wire.Origin {
	return wire.Origin{
		RequestID: wire.ToID(r.GetId()), Door: r.GetDoor(), Credential: r.GetCredential(), DrainToken: r.GetDrainToken(), App: app,
		ReceivedNS: r.GetReceivedNs(), Traceparent: r.GetTrace().GetTraceparent(),
	}
}
