package transform

import (
	"iter"
	"slices"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

// maxDepth is how deep an envelope may nest: as deep as the HEC door can be set to
// take it.
const maxDepth = 10_000

// maxSplit bounds what an event that is split into its elements makes of the rest of
// its envelope, which each of them gets, in bytes.
const maxSplit = 16 << 20

// envelopes makes events of the envelopes of one request to HEC's event endpoint.
func (t *transformer) envelopes(r *drainlinev1.Request, from source) {
	t.sealer.request(from)
	defaults := t.envelopeDefaults(r)
	in := hec.NewScanner(r.GetBody(), hec.Limits{MaxEvent: wire.MaxDecoded, MaxEnvelope: wire.MaxDecoded, MaxDepth: maxDepth})
	scanned := 0
	for in.Next() {
		e := in.Envelope()
		scanned = e.End
		t.envelope(e, r, &defaults)
	}
	if refused := in.Refused(); refused != nil {
		// Ingest has checked what it sends; another producer may not.
		t.dying.add(r, reasonBadEnvelope, refused.Error(), in.Body()[scanned:])
		t.frame++
	}
}

// envelopeDefaults is what the events of a request get that do not say otherwise.
func (t *transformer) envelopeDefaults(r *drainlinev1.Request) wire.Event {
	t.fields = t.appendRequestFields(t.fields[:0], r)
	e := wire.Event{TimeNS: r.GetReceivedNs(), Fields: t.fields}
	if at := r.GetDefaults().GetTimeNs(); at != 0 {
		e.TimeNS = at
	}
	defaultMetadata(r.GetDefaults()).set(&e)
	return e
}

func (t *transformer) envelope(e *hec.Envelope, r *drainlinev1.Request, defaults *wire.Event) {
	fields := e.AppendFields(t.event.Fields[:0])
	fields = slices.DeleteFunc(fields, func(f wire.Field) bool { return f.Name == wire.MarkField }) // which is ours to set
	t.event = wire.Event{TimeNS: defaults.TimeNS, Fields: appendUnder(fields, defaults.Fields)}
	if e.HasTime {
		t.event.TimeNS = e.TimeNS
	}
	metadata{host: e.Host, source: e.Source, sourcetype: e.Sourcetype, index: e.Index}.
		over(metadata{host: defaults.Host, source: defaults.Source, sourcetype: defaults.Sourcetype, index: defaults.Index}).
		set(&t.event)
	if r.GetDefaults().GetSplitArrays() {
		if elements, ok := split(e); ok {
			for element := range elements {
				t.event.JSON = element
				t.add(&t.event)
			}
			return
		}
	}
	if text, ok := e.Text(); ok {
		t.event.Text = text
	} else {
		t.event.JSON = e.Event
	}
	t.add(&t.event)
}

// split gives the elements of an event that is an array of objects, unless the many
// copies of what else is in the envelope would be larger than anybody means.
func split(e *hec.Envelope) (iter.Seq[[]byte], bool) {
	elements, ok := hec.Elements(e.Event)
	if !ok {
		return nil, false
	}
	n := 0
	for range elements {
		n++
	}
	return elements, n*(len(e.Raw)-len(e.Event)) <= maxSplit
}

// raw makes an event of each line of a request to HEC's raw endpoint.
func (t *transformer) raw(r *drainlinev1.Request, from source) {
	t.sealer.request(from)
	e := t.envelopeDefaults(r)
	for line := range hec.Lines(r.GetBody()) {
		e.Text = line
		t.add(&e)
	}
}
