package e2e
import "testing"
func TestTmp(t *testing.T) {
	d := together(t, "destinations.splunk.batch.max_events=200", "destinations.splunk.concurrency.max=4")
	for i := range 5 {
	s := send(t, d.url, "--count", "5000", "--drains", "16", "--frames", "20", "--rate", "8000")
	eventually(t, "x", func() bool { return lines(s.ledger) >= 2500 })
	if i%2 == 0 { s.accepted(); d.bus.settle(); t.Log("settled before the kill")
	}
	a,_ := d.bus.holds("drainline_raw_s0")
	b,_ := d.bus.holds("drainline_events_splunk")
	n := d.splunk.events()
	d.strike("drainline")
	t.Log("sim had", n, "before:", a, b, "after:", d.processes["drainline"].line(`stream +drainline_raw_s0 holds (\d+) .*`), d.processes["drainline"].line(`stream +drainline_events_splunk holds (\d+) .*`))
	s.accepted()
	d.bus.settle()
	accepted := readLedger(t, s.ledger)
	n2 := d.splunk.events()
	t.Log("events of this round", n2, len(accepted))
	d.splunk.stop(); d.splunk.back()
	}
}
