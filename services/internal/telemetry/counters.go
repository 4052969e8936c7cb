package telemetry

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/metric"
)

// Other stands for the values of labels past the bound of a metric.
const Other = "other"

// family is instruments of one row that differ in the values of their labels, which come
// from outside: apps, drains, rules. They are made as they are needed, as many as the row
// says; what comes then shares the one of Other.
type family[T any] struct {
	row  *Metric
	make func(row *Metric, values []string) T

	mu      sync.Mutex
	members map[string]member[T]
	key     []byte // of the values in hand
}

// member is an instrument with the values of its labels.
type member[T any] struct {
	values     []string
	instrument T
}

// With returns the instrument for values of the labels, in their order. It keeps copies.
func (f *family[T]) With(values ...string) T {
	if len(values) != len(f.row.Labels) {
		panic(fmt.Sprintf("metric %s wants a value for each of %q", f.row.Name, f.row.Labels))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if found, ok := f.find(values); ok {
		return found.instrument
	}
	own := make([]string, len(values))
	for i := range values {
		own[i] = strings.Clone(values[i])
	}
	if len(f.members) >= f.row.Most {
		own = others(f.row)
		if found, ok := f.find(own); ok {
			return found.instrument
		}
	}
	instrument := f.make(f.row, own)
	f.members[string(f.key)] = member[T]{own, instrument}
	return instrument
}

// find leaves the key of the values behind.
func (f *family[T]) find(values []string) (found member[T], ok bool) {
	f.key = appendKey(f.key[:0], values)
	found, ok = f.members[string(f.key)]
	return found, ok
}

// Counters are counters of one metric for values from outside, as many as its row says.
type Counters struct{ family[*Counter] }

// Counters makes counters that are made as they are needed.
func (m *Metrics) Counters(name string) *Counters {
	row := m.row(name, KindCounter, true, nil)
	return &Counters{family[*Counter]{row: row, make: m.counter, members: map[string]member[*Counter]{}}}
}

// Each calls f for every counter with the values of its labels, in no order. The values
// are to be read only.
func (c *Counters) Each(f func(values []string, count int64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, found := range c.members {
		f(found.values, found.instrument.Load())
	}
}

// Histograms are histograms of one metric for values from outside, as many as its row says.
type Histograms struct{ family[*Histogram] }

// Histograms makes histograms that are made as they are needed.
func (m *Metrics) Histograms(name string) *Histograms {
	row := m.row(name, KindHistogram, true, nil)
	return &Histograms{family[*Histogram]{row: row, make: m.histogram, members: map[string]member[*Histogram]{}}}
}

// observed adds up what is told at one collection, by values of the labels.
type observed struct {
	row *Metric

	mu   sync.Mutex
	seen map[string]*sum // the first that were told, as many as the row says
}

type sum struct {
	set   metric.MeasurementOption
	value float64
	told  bool // at this collection
}

// add wants mu held.
func (o *observed) add(value float64, values ...string) {
	if len(values) != len(o.row.Labels) {
		panic(fmt.Sprintf("metric %s wants a value for each of %q", o.row.Name, o.row.Labels))
	}
	key := string(appendKey(nil, values))
	if o.seen[key] == nil && o.row.Most > 0 && len(o.seen) >= o.row.Most {
		values = others(o.row)
		key = string(appendKey(nil, values))
	}
	s := o.seen[key]
	if s == nil {
		s = &sum{set: metric.WithAttributeSet(o.row.set(values))}
		o.seen[key] = s
	}
	s.value += value
	s.told = true
}

// flush wants mu held.
func (o *observed) flush(observe func(value float64, set metric.MeasurementOption)) {
	for key, s := range o.seen {
		if !s.told {
			delete(o.seen, key)
			continue
		}
		observe(s.value, s.set)
		s.value, s.told = 0, false
	}
}

func others(row *Metric) []string { return slices.Repeat([]string{Other}, len(row.Labels)) }

// appendKey appends values with their lengths, because any byte may be in them.
func appendKey(key []byte, values []string) []byte {
	for _, v := range values {
		key = binary.AppendUvarint(key, uint64(len(v)))
		key = append(key, v...)
	}
	return key
}

// valid is a value as labels may be: UTF-8.
func valid(value string) string { return strings.ToValidUTF8(value, "\ufffd") }
