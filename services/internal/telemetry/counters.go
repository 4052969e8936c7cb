package telemetry

import (
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
	counters map[string]*Counter
}

// Counters makes counters that are made as they are needed, for as many different values
// as the bound says; what comes then is counted under Other.
func (m *Metrics) Counters(name, unit, help string, most int, labels ...string) *Counters {
	return &Counters{metrics: m, name: name, unit: unit, help: help, labels: labels, most: most, counters: map[string]*Counter{}}
}

// With returns the counter for values of the labels, in their order.
func (c *Counters) With(values ...string) *Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := strings.Join(values, "\x00")
	if counter, ok := c.counters[key]; ok {
		return counter
	}
	if len(c.counters) >= c.most {
		for i := range values {
			values[i] = Other
		}
		key = strings.Join(values, "\x00")
		if counter, ok := c.counters[key]; ok {
			return counter
		}
	}
	set := make([]attribute.KeyValue, len(c.labels))
	for i, label := range c.labels {
		set[i] = attribute.String(label, strings.ToValidUTF8(values[i], "\ufffd"))
	}
	counter := c.metrics.Counter(c.name, c.unit, c.help, set...)
	c.counters[strings.Clone(key)] = counter
	return counter
}

// Each calls f for every counter with the values of its labels, in no order.
func (c *Counters) Each(f func(values []string, count int64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, counter := range c.counters {
		f(strings.Split(key, "\x00"), counter.Load())
	}
}
