package telemetry_test

import "testing"

func TestCountersAreBounded(t *testing.T) {
	m := start(t)
	c := m.Counters("drainline_lost", "{message}", "Messages.", 2, "input", "code")
	c.With("shop", "L10").Add(3)
	c.With("shop", "L10").Add(1)
	c.With("sh\xffop", "L13").Add(1)
	c.With("one too many", "L10").Add(5)
	c.With("and another", "L10").Add(5)
	hold(
		t, scrape(t, m),
		`drainline_lost_total{code="L10",input="shop"} 4`,
		`drainline_lost_total{code="L13",input="sh`+"\ufffd"+`op"} 1`,
		`drainline_lost_total{code="other",input="other"} 10`,
	)
	sum := int64(0)
	c.Each(func(values []string, count int64) {
		if len(values) != 2 {
			t.Errorf("%q", values)
		}
		sum += count
	})
	if sum != 15 {
		t.Errorf("%d", sum)
	}
}
