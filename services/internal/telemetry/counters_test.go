package telemetry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/telemetry/telemetrytest"
)

func TestCounters(t *testing.T) {
	m := start(t)
	c := m.Counters("drainline_transform_lost_upstream")
	c.With("shop", "L10").Add(3)
	c.With("shop", "L10").Add(1)
	given := []string{"sh\xffop", "L13"}
	c.With(given...).Add(1)
	telemetrytest.Hold(
		t, telemetrytest.Scrape(t, m),
		`drainline_transform_lost_upstream_total{code="L10",input="shop"} 4`,
		`drainline_transform_lost_upstream_total{code="L13",input="sh`+"\ufffd"+`op"} 1`,
	)
	wantCounts(t, c, map[[2]string]int64{{"shop", "L10"}: 4, {"sh\xffop", "L13"}: 1})
	if given[0] != "sh\xffop" || given[1] != "L13" {
		t.Errorf("With has changed what it was given: %q", given)
	}
}

// Any byte may be in a value, also where one seems to end.
func TestCountersKeepValuesApart(t *testing.T) {
	c := start(t).Counters("drainline_transform_lost_upstream")
	for i, values := range [][2]string{{"a\x00b", "c"}, {"a", "b\x00c"}, {"", "a\x00b\x00c"}, {"\x01a", ""}, {"", "\x01a"}} {
		c.With(values[:]...).Add(1 << i)
	}
	wantCounts(t, c, map[[2]string]int64{{"a\x00b", "c"}: 1, {"a", "b\x00c"}: 2, {"", "a\x00b\x00c"}: 4, {"\x01a", ""}: 8, {"", "\x01a"}: 16})
}

func wantCounts(t *testing.T, c *telemetry.Counters, want map[[2]string]int64) {
	t.Helper()
	got := map[[2]string]int64{}
	c.Each(func(values []string, count int64) { got[[2]string(values)] = count })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(- wanted, + got):\n%s", diff)
	}
}
