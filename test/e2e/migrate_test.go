package e2e

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// hostName stands for the name that drains post to: whom it means can change.
type hostName struct {
	host  string
	means atomic.Pointer[url.URL]
	moved atomic.Int64 // requests since it has meant another
}

func newHostName(t *testing.T, old string) *hostName {
	t.Helper()
	n := &hostName{}
	n.point(t, old)
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(n.means.Load())
		n.moved.Add(1)
	}})
	t.Cleanup(server.Close)
	n.host = strings.TrimPrefix(server.URL, "http://")
	return n
}

// point makes it mean the host of a URL.
func (n *hostName) point(t *testing.T, to string) {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	n.means.Store(&url.URL{Scheme: "http", Host: target.Host})
	n.moved.Store(0)
}

// When the name that drains post to moves from another receiver to Drainline, under load, every line that was accepted
// is in Splunk, once, and neither the drain nor Splunk sees a difference.
func TestHostNameMoves(t *testing.T) {
	t.Parallel()
	// A line a request: Splunk's raw endpoint breaks at line feeds, and glues a frame without one to the next.
	const lines, rate = "3000", "1500"
	fromVector, err := filepath.Abs("../../config/examples/migrate-from-vector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		drain    string // what stands in the drain's URL about the host name
		direct   bool   // the old receiver is Splunk itself; else one that posts to it
		settings []string
		config   string
	}{
		{name: "Vector", drain: "http://vector:p4ss@HOST/events", config: fromVector},
		{
			name: "Splunk", drain: "http://x:" + splunkToken + "@HOST/services/collector/raw?sourcetype=heroku&source=shop", direct: true,
			settings: []string{
				"ingest.hec.listen=127.0.0.1:0", "ingest.hec.tokens.heroku.token=" + splunkToken, "destinations.splunk.format=splunk_raw",
			},
		},
		{name: "a receiver of your own", drain: "http://heroku:" + secret + "@HOST/heroku/api/v1/drain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := startSplunk(t)
			drainline := func() (*process, *bus) {
				_, bus := startNATS(t, "")
				p := service(t, "drainline run", append(append(to(sim.url), c.settings...), "bus.url="+bus)...)
				p.env = append(p.env, "VECTOR_PASSWORD=p4ss", "SPLUNK_HEC_TOKEN="+splunkToken)
				if c.config != "" {
					p.args = append(p.args, "--config", c.config)
				}
				return p.start(t).ready(), lookAt(t, bus)
			}
			run, bus := drainline()
			oldURL, settle := sim.url, func() {}
			if !c.direct {
				old, its := drainline()
				oldURL, settle = old.drainURL(""), its.settle
			}
			name := newHostName(t, oldURL)
			player := send(t, strings.Replace(c.drain, "HOST", name.host, 1), "--count", lines, "--rate", rate, "--drains", "3")
			eventually(t, "a third was sent", func() bool { return name.moved.Load() > 1000 })
			if c.direct {
				name.point(t, run.hecURL())
			} else {
				name.point(t, run.drainURL(""))
			}
			accepted := player.accepted()
			if n := name.moved.Load(); n < 1000 {
				t.Errorf("only %d requests came to the new receiver", n)
			}
			settle()
			bus.settle()
			books(t, accepted, sim.indexed(), 0)
		})
	}
}
