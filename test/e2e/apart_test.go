package e2e

import "testing"

func TestThreeProcesses(t *testing.T) {
	t.Parallel()
	d := apart(t)
	accepted := send(t, d.url, "--count", "5000", "--drains", "8", "--frames", "10").accepted()
	d.bus.settle()
	for _, name := range []string{"ingest", "transform", "shipper"} {
		d.processes[name].stop()
	}
	books(t, accepted, d.splunk.indexed(), 0)
}
