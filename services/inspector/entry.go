package inspector

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

// entry is one event that arrived. It is not changed once it is in the sink.
type entry struct {
	// Number counts events from 1, in the order of arrival.
	Number  int64
	Arrived time.Time
	// Time is zero when the envelope has none; Splunk would take Arrived.
	Time       time.Time
	Kind       string
	App        string
	Host       string
	Source     string
	Sourcetype string
	Index      string
	Text       string
	// Envelope is the event as it was sent. Of a line that came to the raw endpoint it is
	// the envelope that says the same, and Raw is set.
	Envelope []byte
	Raw      bool
}

// newEntry copies what it keeps of an envelope: one event must not hold the memory
// of a whole body.
func newEntry(e *hec.Envelope, arrived time.Time) *entry {
	n := &entry{
		Arrived: arrived,
		Host:    strings.Clone(e.Host), Source: strings.Clone(e.Source), Sourcetype: strings.Clone(e.Sourcetype),
		Index: strings.Clone(e.Index), Text: stringOr(e.Event), Envelope: bytes.Clone(e.Raw),
	}
	if e.HasTime {
		n.Time = time.Unix(0, e.TimeNS).UTC()
	}
	n.Kind, _ = strings.CutPrefix(n.Sourcetype, "heroku:")
	if n.Kind == n.Sourcetype {
		n.Kind = ""
	}
	n.App = n.Host
	fields := e.AppendFields(nil)
	if n.Text == "metric" {
		n.Text = measurements(fields)
	}
	for _, f := range fields {
		switch f.Name {
		case "heroku_kind":
			n.Kind = stringOr(f.JSON)
		case "heroku_app":
			n.App = stringOr(f.JSON)
		}
	}
	return n
}

// measurements are what a metric event says in place of a text: "metric" if there are
// none. A field "metric_name:NAME" is one, or "metric_name" and "_value" together, as
// HEC has metrics.
func measurements(fields []wire.Field) string {
	var said []string
	name, value := "", ""
	for _, f := range fields {
		if of, ok := strings.CutPrefix(f.Name, "metric_name:"); ok {
			said = append(said, of+"="+stringOr(f.JSON))
		}
		switch f.Name {
		case "metric_name":
			name = stringOr(f.JSON)
		case "_value":
			value = stringOr(f.JSON)
		}
	}
	if name != "" {
		said = append(said, name+"="+value)
	}
	if len(said) == 0 {
		return "metric"
	}
	return strings.Join(said, " ")
}

// fields are read from the envelope when somebody looks: kept beside it they
// would double what an event costs.
func (e *entry) fields() []wire.Field {
	in := hec.NewScanner(e.Envelope, hec.Limits{})
	if !in.Next() {
		return nil
	}
	return in.Envelope().AppendFields(nil)
}

// cost is what an entry takes of memory, in bytes.
func (e *entry) cost() int {
	const overhead = 320 // the struct, its place in the ring, what allocations round up to
	return overhead + len(e.Envelope) + len(e.Text) + len(e.Kind) + len(e.App) +
		len(e.Host) + len(e.Source) + len(e.Sourcetype) + len(e.Index)
}

// delay is how long the event was on its way, negative when its clock is ahead.
func (e *entry) delay() (time.Duration, bool) {
	if e.Time.IsZero() {
		return 0, false
	}
	return e.Arrived.Sub(e.Time), true
}

// stringOr is the text of a JSON string, or any other JSON value as it is.
func stringOr(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return string(value)
	}
	return s
}
