package format

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

const (
	// metricEvent is the body of every multi-metric event.
	metricEvent = `"metric"`
	// metricName is before the name of each measurement, and reserved.
	metricName   = "metric_name"
	metricPrefix = metricName + ":"
	// maxMetricText is the longest name of a measurement, and the longest addon= and
	// source=, in bytes: what is longer is left out.
	maxMetricText = 256
)

// Metric makes a multi-metric event (HEC's) of what a line measures. It reports false for
// a line that measures nothing. The event is valid as long as the line's is, and until
// the next call.
type Metric struct {
	event  wire.Event
	fields []wire.Field
	// scratch holds names and values; they stay valid when it grows.
	scratch []byte
}

// Make makes it: each field that is a measurement under its metric's name, and as
// dimensions the event's indexed fields that are single values, but for heroku_kind and
// heroku_code, and what an add-on says of itself.
func (m *Metric) Make(e *event.Event) (*wire.Event, bool) {
	m.fields, m.scratch = m.fields[:0], append(m.scratch[:0], metricEvent...)
	body := m.scratch
	parsed := e.Parsed()
	for _, f := range parsed.All() {
		if f.Metric && f.Value.Kind == fields.Number {
			m.addMeasurement(&e.Meaning, &f)
		}
	}
	if len(m.fields) == 0 {
		return nil, false
	}
	for _, f := range e.Fields {
		if isDimension(&f) {
			m.fields = append(m.fields, f)
		}
	}
	if e.Meaning.Kind == heroku.KindAddon {
		m.addDimension("heroku_addon", "addon", parsed)
		m.addDimension("heroku_source", "source", parsed)
	}
	m.event = e.Event
	m.event.Text, m.event.JSON, m.event.Fields = nil, body, m.fields
	m.event.Index = cmp.Or(e.MetricsIndex, e.Index)
	return &m.event, true
}

// addMeasurement adds a field of the line, the first of those that have its name.
func (m *Metric) addMeasurement(line *heroku.Line, f *fields.Field) {
	if f.Name == "" || len(f.Name) > maxMetricText || strings.Contains(f.Name, metricName) {
		return
	}
	begin := len(m.scratch)
	m.scratch = append(m.scratch, metricPrefix...)
	m.scratch = appendMetricName(m.scratch, line, f.Name)
	name := fields.Alias(m.scratch[begin:])
	if m.has(name) {
		return
	}
	value := len(m.scratch)
	m.scratch = f.Value.AppendJSON(m.scratch)
	m.fields = append(m.fields, wire.Field{Name: name, JSON: m.scratch[value:]})
}

// appendMetricName appends the name of a measurement, behind heroku.dyno or the name of
// the add-on: what apps measure has the names they give it. What names may not have
// becomes _, and one that does not begin with a letter gets a dot in front.
func appendMetricName(dst []byte, line *heroku.Line, name string) []byte {
	begin := len(dst)
	switch {
	case line.Kind == heroku.KindSystem:
		dst = append(dst, "heroku.dyno."...)
	case line.Kind == heroku.KindAddon:
		dst = append(dst, "heroku."...)
		dst = append(dst, bytes.TrimPrefix(line.Process, []byte("heroku-"))...)
		dst = append(dst, '.')
	case !isMetricLetter(name[0]):
		dst = append(dst, '.')
	}
	dst = append(dst, name...)
	for i, c := range dst[begin:] {
		if !isMetricLetter(c) && c != '-' && (c < '0' || c > '9') {
			dst[begin+i] = '_'
		}
	}
	return dst
}

func isMetricLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '.' || c == ':' }

// addDimension adds what a line of an add-on says under a name, unless the event has it.
func (m *Metric) addDimension(name, key string, parsed *fields.List) {
	v, ok := parsed.Get(key)
	if !ok || v.Kind != fields.Text || v.Text == "" || len(v.Text) > maxMetricText || m.has(name) {
		return
	}
	begin := len(m.scratch)
	m.scratch = v.AppendJSON(m.scratch)
	m.fields = append(m.fields, wire.Field{Name: name, JSON: m.scratch[begin:]})
}

func (m *Metric) has(name string) bool {
	return slices.ContainsFunc(m.fields, func(f wire.Field) bool { return f.Name == name })
}

// isDimension says whether an indexed field of the event tells its metrics apart. Kind
// and code are of events, and the names that HEC keeps for metrics are not for fields.
func isDimension(f *wire.Field) bool {
	if len(f.JSON) == 0 || f.Name == "_value" || f.Name == "heroku_kind" || f.Name == "heroku_code" ||
		strings.Contains(f.Name, metricName) {
		return false
	}
	switch f.JSON[0] {
	case '{', '[', 'n':
		return false
	default:
		return true
	}
}
