package clients

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/drainline/drainline/test/simulators/splunk"
)

// door is a drainline with an open HEC door, and the Splunk behind it.
type door struct {
	*drainline

	splunk *splunk.Splunk
}

// open starts a drainline before a Splunk.
func open(t *testing.T) *door {
	t.Helper()
	const kept = 10_000
	sim := splunk.New(splunk.Options{Tokens: map[string]splunk.Token{splunkToken: {}}, KeepEvents: kept})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return &door{drainline: launch(t, server.URL), splunk: sim}
}

// expect waits until all events have arrived, ends drainline, which delivers what
// it still has, and compares.
func (d *door) expect(t *testing.T, want []event) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d events arrive", len(want)), func() bool { return d.splunk.Count() >= int64(len(want)) })
	d.stop()
	for _, breach := range d.splunk.Violations() {
		t.Errorf("Splunk was sent what a careful client does not send: %s", breach)
	}
	var got []event
	for _, e := range d.splunk.Events() {
		got = append(got, event{
			e.Time.UnixMicro(), e.Host, e.Source, e.Sourcetype, e.Index, encode(t, decode(t, e.Event)), encode(t, e.Fields),
		})
	}
	compare(t, got, want)
}
