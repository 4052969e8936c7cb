package e2e

import "testing"

func TestHundredThousand(t *testing.T) {
	t.Parallel()
	d := together(t)
	accepted := send(t, d.url, "--count", "100000", "--drains", "16", "--frames", "20").accepted()
	d.bus.settle()
	d.processes["drainline"].stop()
	books(t, accepted, d.splunk.indexed(), 0)
	if len(accepted) != 100_000 {
		t.Errorf("%d were accepted", len(accepted))
	}
}
