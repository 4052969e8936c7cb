package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/simulators/splunk"
)

const splunkToken = "11111111-2222-3333-4444-555555555555"

// splunkProcess is Splunk's simulator in a process, which counts.
type splunkProcess struct {
	*process

	url    string
	ledger string
}

func startSplunk(t *testing.T) *splunkProcess {
	t.Helper()
	address, ids := port.Free(t), filepath.Join(t.TempDir(), "indexed")
	p := command{
		program: "splunk-sim", graceful: true,
		args: []string{"-listen", address, "-token", splunkToken, "-ledger", ids, "-stats"},
	}.start(t)
	return &splunkProcess{process: p, url: p.line(`listening on (\S+)`), ledger: ids}
}

// back starts it again after stop; its ledger goes on.
func (s *splunkProcess) back() {
	s.t.Helper()
	s.process = s.again()
	s.line(`listening on (\S+)`)
}

// indexed ends the simulator and reads its ledger, which is whole then. Nothing
// may have been refused but uploads that were cut by a kill.
func (s *splunkProcess) indexed() ledger {
	s.t.Helper()
	response, err := http.Get(s.url + "/_sim/stats")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var stats splunk.Stats
	if err := json.NewDecoder(response.Body).Decode(&stats); err != nil {
		s.t.Fatal(err)
	}
	for _, breach := range stats.FirstViolations {
		s.t.Errorf("Splunk was sent what a careful client does not send: %s", breach)
	}
	delete(stats.Refused, http.StatusBadRequest) // the answer to a body that cannot be read, without a HEC code
	if len(stats.Refused) > 0 {
		s.t.Errorf("Splunk has refused requests, by HEC code: %v", stats.Refused)
	}
	s.stop()
	return readLedger(s.t, s.ledger)
}

// splunkServer is Splunk's simulator with events that can be looked at.
type splunkServer struct {
	*splunk.Splunk

	url string
}

func serveSplunk(t *testing.T) *splunkServer {
	t.Helper()
	const kept = 10_000
	sim := splunk.New(splunk.Options{Tokens: map[string]splunk.Token{splunkToken: {}}, KeepEvents: kept})
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		server.Close()
		for _, breach := range sim.Violations() {
			t.Errorf("Splunk was sent what a careful client does not send: %s", breach)
		}
	})
	return &splunkServer{Splunk: sim, url: server.URL}
}
