package splunk

import "testing"

func TestHistogram(t *testing.T) {
	t.Parallel()
	for value := int64(0); value < 1<<62; value += 1 + value/7 {
		index := step(value)
		if high := above(index); high <= value || float64(high) > 1.04*float64(value)+1 {
			t.Errorf("%d falls into step %d, which ends at %d", value, index, high)
		}
	}
	var h histogram
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("median of nothing is %d", got)
	}
	for i := range int64(1000) {
		h.add(i - 10)
	}
	if got := h.quantile(0.99); got < 980 || got > 1020 {
		t.Errorf("99 %% of -10 to 990 is %d", got)
	}
}
