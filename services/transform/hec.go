package transform

import (
	"bytes"
	"iter"
	"slices"

	"go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/heroku"
	"github.com/drainline/drainline/services/transform/internal/rules"
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
	t.defaults = t.envelopeDefaults(r, from.trace)
	in := hec.NewScanner(r.GetBody(), hec.Limits{MaxEvent: wire.MaxDecoded, MaxEnvelope: wire.MaxDecoded, MaxDepth: maxDepth})
	scanned := 0
	for in.Next() {
		e := in.Envelope()
		scanned = e.End
		t.envelope(e, r)
	}
	if refused := in.Refused(); refused != nil {
		// Ingest has checked what it sends; another producer may not.
		t.bury(reasonBadEnvelope, refused.Error(), "", part{r, in.Body()[scanned:]})
		t.frame++
	}
}

// envelopeDefaults is what the events of a request get that do not say otherwise.
func (t *transformer) envelopeDefaults(r *drainlinev1.Request, sc trace.SpanContext) wire.Event {
	t.fields = t.appendRequestFields(t.fields[:0], r, sc)
	e := wire.Event{TimeNS: r.GetReceivedNs(), Fields: t.fields, Kind: string(heroku.KindApp)}
	if at := r.GetDefaults().GetTimeNs(); at != 0 {
		e.TimeNS = at
	}
	defaultMetadata(r.GetDefaults()).set(&e)
	return e
}

func (t *transformer) envelope(e *hec.Envelope, r *drainlinev1.Request) {
	if r.GetDefaults().GetSplitArrays() {
		if elements, ok := split(e); ok {
			first := true
			for element := range elements {
				t.fillEnvelope(e)
				t.event.JSON = element
				if t.event.App = namedApp(t.event.Fields); first {
					t.books.accept(t.event.App, r, len(e.Event), t.again)
				} else {
					t.books.row.Split.Add(1, len(element))
				}
				first = false
				t.shipNext(r, e.Raw)
			}
			return
		}
	}
	t.fillEnvelope(e)
	if text, ok := e.Text(); ok {
		t.event.Text = text
	} else {
		t.event.JSON = e.Event
	}
	t.event.App = namedApp(t.event.Fields)
	t.books.accept(t.event.App, r, len(t.event.Body()), t.again)
	t.shipNext(r, e.Raw)
}

// fillEnvelope makes an event of an envelope, all but its body.
func (t *transformer) fillEnvelope(e *hec.Envelope) {
	defaults := &t.defaults
	t.event.Reset()
	own := e.AppendFields(t.event.Fields)
	own = slices.DeleteFunc(own, func(f wire.Field) bool { // which are ours to set
		return f.Name == wire.MarkField || f.Name == rules.ErrorField
	})
	t.event.TimeNS, t.event.Fields, t.event.Kind = defaults.TimeNS, appendUnder(own, defaults.Fields), defaults.Kind
	if e.HasTime {
		t.event.TimeNS = e.TimeNS
	}
	metadata{host: e.Host, source: e.Source, sourcetype: e.Sourcetype, index: e.Index}.
		over(metadata{host: defaults.Host, source: defaults.Source, sourcetype: defaults.Sourcetype, index: defaults.Index}).
		set(&t.event.Event)
}

// shipNext ships the event in hand as that of the next envelope or line.
func (t *transformer) shipNext(r *drainlinev1.Request, original []byte) {
	t.event.Number = t.frame
	t.ship(part{r, original})
	t.frame++
}

// namedApp is the app that the indexed field of Heroku's lines names, which a token, or
// the sender, can give.
func namedApp(indexed []wire.Field) string {
	for _, f := range indexed {
		if f.Name == fieldApp && len(f.JSON) > 1 && f.JSON[0] == '"' && bytes.IndexByte(f.JSON, '\\') < 0 {
			return fields.Alias(f.JSON[1 : len(f.JSON)-1])
		}
	}
	return ""
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
	defaults := t.envelopeDefaults(r, from.trace)
	for line := range hec.Lines(r.GetBody()) {
		t.event.Reset()
		own := append(t.event.Fields, defaults.Fields...) //nolint:gocritic // the event's own memory
		t.event.Event = defaults
		t.event.Fields, t.event.Text, t.event.App = own, line, namedApp(own)
		t.books.accept(t.event.App, r, len(line), t.again)
		t.shipNext(r, line)
	}
}
