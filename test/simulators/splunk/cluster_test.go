package splunk_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/drainline/drainline/test/simulators/splunk"
)

// A cluster is one behind a server, with a client that sends to it.
type cluster struct {
	*splunk.Cluster

	t      *testing.T
	server *httptest.Server
	client *http.Client
}

func newCluster(t *testing.T, sticky splunk.Stickiness, o splunk.Options) *cluster {
	t.Helper()
	c := &cluster{Cluster: splunk.NewCluster(3, sticky, o), t: t}
	c.server = httptest.NewServer(c)
	t.Cleanup(c.server.Close)
	c.client = c.server.Client()
	return c
}

func (c *cluster) post(endpoint, body string) (status int, answer string, header http.Header) {
	c.t.Helper()
	url := c.server.URL + "/services/collector/" + endpoint + "?channel=" + channel
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Splunk "+acked)
	response, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, string(got), response.Header
}

// ids posts n events and returns the ackIds, which count up where the client meets one indexer again.
func (c *cluster) ids(n int) string {
	c.t.Helper()
	var ids strings.Builder
	for range n {
		_, answer, _ := c.post("event", `{"event":"a"}`)
		ids.WriteString(strings.TrimSuffix(answer[strings.LastIndexByte(answer, ':')+1:], "}"))
	}
	return ids.String()
}

func TestClusterNotSticky(t *testing.T) {
	t.Parallel()
	c := newCluster(t, splunk.NotSticky, withAcks(splunk.AckOptions{}))
	if got := c.ids(7); got != "0001112" {
		t.Errorf("ids %s", got)
	}
	if _, answer, _ := c.post("ack", `{"acks":[2]}`); answer != `{"acks":{"2":false}}` {
		t.Errorf("another indexer says %s", answer)
	}
	if got := c.Stats(); got.Events != 7 || got.Requests != 8 || got.AckChannels != 3 {
		t.Errorf("got %+v", got)
	}
}

func TestClusterStickyConnection(t *testing.T) {
	t.Parallel()
	c := newCluster(t, splunk.StickyConnection, withAcks(splunk.AckOptions{}))
	if got := c.ids(5); got != "01234" { // the client keeps its one connection
		t.Errorf("ids %s", got)
	}
	for range 100 {
		if c.Stats().AckChannels == 3 {
			return
		}
		c.client.CloseIdleConnections()
		c.ids(1)
	}
	t.Errorf("100 connections have reached %d indexers of 3", c.Stats().AckChannels)
}

func TestClusterStickyCookie(t *testing.T) {
	t.Parallel()
	c := newCluster(t, splunk.StickyCookie, withAcks(splunk.AckOptions{}))
	if got := c.ids(4); got != "0001" { // without a jar
		t.Errorf("ids %s", got)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.client.Jar = jar
	if _, _, header := c.post("event", `{"event":"a"}`); !strings.HasPrefix(header.Get("Set-Cookie"), "AWSALB=1") {
		t.Errorf("the first answer has %v", header)
	}
	if got := c.ids(3); got != "234" {
		t.Errorf("ids %s", got)
	}
	if _, _, header := c.post("ack", `{"acks":[4]}`); header.Get("Set-Cookie") != "" {
		t.Errorf("the cookie is set again: %v", header)
	}
	c.Down(1, true)
	if got := c.ids(2); got != "12" { // on the third indexer, with a new cookie
		t.Errorf("ids %s", got)
	}
}

func TestClusterDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		blind    bool
		down     int
		statuses []int
	}{
		{false, 1, []int{200, 200, 200, 200}},
		{false, 3, []int{503, 503, 503}},
		{true, 1, []int{503, 200, 200, 503}},
	} {
		o := withAcks(splunk.AckOptions{})
		o.BlindBalancer = c.blind
		balanced := newCluster(t, splunk.NotSticky, o)
		for i := range c.down {
			balanced.Down(i, true)
		}
		for i, want := range c.statuses {
			status, answer, _ := balanced.post("event", `{"event":"a"}`)
			if status != want || strings.HasPrefix(answer, "<!doctype html>") != (want == 503) {
				t.Errorf("%+v: request %d gets %d %s", c, i, status, answer)
			}
		}
		balanced.Down(0, false)
		if got := serve(t, balanced.Indexer(0), "event", channel, `{"event":"a"}`); !strings.HasPrefix(got, "200 ") {
			t.Errorf("without the balancer got %s", got)
		}
	}
}

func TestClusterIndexer(t *testing.T) {
	t.Parallel()
	c := newCluster(t, splunk.NotSticky, withAcks(splunk.AckOptions{}))
	c.ids(3)
	c.Indexer(1).Restart()
	c.Indexer(2).SetFault(splunk.First(1, splunk.Response{Code: 9}))
	if got := c.ids(6); got != "109211" { // the 9 is the code
		t.Errorf("ids %s", got)
	}
}
