package transform

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform/internal/join"
)

// drain is an entry of the list of drains, ready to be applied to its requests.
type drain struct {
	listed bool
	app    string
	// metadata and fields are empty where the entry leaves the choice.
	metadata metadata
	fields   []wire.Field
	// named are the destinations that it names, a bit each.
	named          uint64
	format         string
	join           *join.Spec // nil where its lines are not joined
	structuredData string
	// from and until bound the time of its events, in nanoseconds since 1970: the
	// first that is ours, and the first that is not any more.
	from, until int64
}

//nolint:gochecknoglobals // a drain without an entry
var unlisted = &drain{from: math.MinInt64, until: math.MaxInt64}

func newDrain(c *config.Drain, joins map[string]config.Join, destinations []string) (*drain, error) {
	d := &drain{
		listed: true, app: c.App, metadata: metadata{source: c.Source, sourcetype: c.Sourcetype, index: c.Index},
		format: c.Format, structuredData: c.StructuredData,
		from: nanoseconds(c.From, math.MinInt64), until: nanoseconds(c.Until, math.MaxInt64),
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		d.fields = append(d.fields, wire.Field{Name: name, JSON: newWord(c.Fields[name]).json})
	}
	for i, name := range destinations {
		if slices.Contains(c.Destinations, name) {
			d.named |= 1 << i
		}
	}
	if len(c.Join) == 0 {
		return d, nil
	}
	var err error
	d.join, err = join.Compile(c.Join, joins)
	return d, err
}

// nanoseconds since 1970 of a time that the configuration has bounded; one that is
// not set is no bound.
func nanoseconds(t time.Time, none int64) int64 {
	if t.IsZero() {
		return none
	}
	return t.UnixNano()
}

// structured says whether the frames of a request have STRUCTURED-DATA: by the
// drain's entry, by what its credential is set to, or by its sender.
func (d *drain) structured(r *drainlinev1.Request) logplex.SD {
	switch d.structuredData {
	case config.StructuredDataNever:
		return logplex.SDNever
	case config.StructuredDataAlways:
		return logplex.SDAlways
	}
	switch r.GetFacts().GetStructuredData() {
	case drainlinev1.StructuredData_STRUCTURED_DATA_NEVER:
		return logplex.SDNever
	case drainlinev1.StructuredData_STRUCTURED_DATA_ALWAYS:
		return logplex.SDAlways
	default:
		return logplex.SDFor(r.GetFacts().GetUserAgent(), r.GetDrainToken())
	}
}
