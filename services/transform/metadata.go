package transform

import (
	"cmp"
	"slices"

	"go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

// metadata is Splunk's for an event. What is empty is left to whoever comes next.
type metadata struct{ host, source, sourcetype, index string }

// over is m, with what it leaves empty taken from lower.
func (m metadata) over(lower metadata) metadata {
	return metadata{
		host: cmp.Or(m.host, lower.host), source: cmp.Or(m.source, lower.source),
		sourcetype: cmp.Or(m.sourcetype, lower.sourcetype), index: cmp.Or(m.index, lower.index),
	}
}

func (m metadata) set(e *wire.Event) {
	e.Host, e.Source, e.Sourcetype, e.Index = m.host, m.source, m.sourcetype, m.index
}

func defaultMetadata(d *drainlinev1.Defaults) metadata {
	return metadata{host: d.GetHost(), source: d.GetSource(), sourcetype: d.GetSourcetype(), index: d.GetIndex()}
}

// appendRequestFields appends what a request gives each of its events: its marks
// over its defaults, and the id of its trace.
func (t *transformer) appendRequestFields(dst []wire.Field, r *drainlinev1.Request, sc trace.SpanContext) []wire.Field {
	dst = t.names.appendMarks(dst, r.GetMarks())
	marks := dst
	for _, f := range r.GetDefaults().GetFields() {
		if !hasField(marks, f.GetName()) {
			dst = append(dst, wire.Field{Name: f.GetName(), JSON: f.GetJson()})
		}
	}
	return t.appendTrace(dst, sc)
}

// appendUnder appends the fields whose names are not in dst yet.
func appendUnder(dst, fields []wire.Field) []wire.Field {
	above := dst
	for _, f := range fields {
		if !hasField(above, f.Name) {
			dst = append(dst, f)
		}
	}
	return dst
}

func hasField(fields []wire.Field, name string) bool {
	return slices.ContainsFunc(fields, func(f wire.Field) bool { return f.Name == name })
}

// appendMarks appends the field that holds what ingest noted about a request: one
// text, or an array of several.
func (n *names) appendMarks(dst []wire.Field, marks []string) []wire.Field {
	switch len(marks) {
	case 0:
		return dst
	case 1:
		return append(dst, wire.Field{Name: wire.MarkField, JSON: n.word([]byte(marks[0])).json})
	}
	list := []byte("[")
	for _, mark := range marks {
		list = append(hec.AppendString(list, []byte(mark)), ',')
	}
	list[len(list)-1] = ']'
	return append(dst, wire.Field{Name: wire.MarkField, JSON: list})
}
