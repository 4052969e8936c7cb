package telemetry

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
)

// Other stands for the values of labels past the bound of Counters.
const Other = "other"

// Counters are counters of one name that differ in the values of their labels, which
// come from outside: apps, drains, rules.
type Counters struct {
	metrics          *Metrics
	name, unit, help string
	labels           []string
	most             int

	mu       sync.Mutex
	counters map[string]counted
	key      []byte // of the values in hand
}

// counted is a counter with the values of its labels.
type counted struct {
	values  []string
	counter *Counter
}

// Counters makes counters that are made as they are needed, for as many different values
// as the bound says; what comes then is counted under Other.
func (m *Metrics) Counters(name, unit, help string, most int, labels ...string) *Counters {
	return &Counters{metrics: m, name: name, unit: unit, help: help, labels: labels, most: most, counters: map[string]counted{}}
}

// With returns the counter for values of the labels, in their order. It keeps copies.
func (c *Counters) With(values ...string) *Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.find(values); ok {
		return found.counter
	}
	own := make([]string, len(values))
	for i := range values {
		own[i] = strings.Clone(values[i])
	}
	if len(c.counters) >= c.most {
		own = slices.Repeat([]string{Other}, len(values))
		if found, ok := c.find(own); ok {
			return found.counter
		}
	}
	set := make([]attribute.KeyValue, len(c.labels))
	for i, label := range c.labels {
		set[i] = attribute.String(label, strings.ToValidUTF8(own[i], "\ufffd"))
	}
	counter := c.metrics.Counter(c.name, c.unit, c.help, set...)
	c.counters[string(c.key)] = counted{own, counter}
	return counter
}

// find leaves the key of the values behind: values with their lengths, because any byte
// may be in them.
func (c *Counters) find(values []string) (found counted, ok bool) {
	c.key = c.key[:0]
	for _, v := range values {
		c.key = binary.AppendUvarint(c.key, uint64(len(v)))
		c.key = append(c.key, v...)
	}
	found, ok = c.counters[string(c.key)]
	return found, ok
}

// Each calls f for every counter with the values of its labels, in no order. The values
// are to be read only.
func (c *Counters) Each(f func(values []string, count int64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, found := range c.counters {
		f(found.values, found.counter.Load())
	}
}
