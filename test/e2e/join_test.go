package e2e

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// trace is one stack trace, a line each.
func trace(n int) []string {
	return []string{
		"java.lang.IllegalStateException: number " + strconv.Itoa(n),
		"\tat shop.Cart.pay(Cart.java:12)",
		"\tat shop.Main.main(Main.java:3)",
		"Caused by: java.io.IOException: n=" + strconv.Itoa(n),
		"\t... 1 more",
	}
}

// The lines of a stack trace come in a request each, which is how Logplex sends them at
// low traffic, and become one event, whichever of two instances takes them; also when
// the one that has them is killed in between, nothing is lost.
func TestJoin(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	_, url := startNATS(t, "")
	file := filepath.Join(t.TempDir(), "drainline.yaml")
	replaceFile(t, file, `drains: [{token: `+drainToken+`, app: shop, join: java}]
destinations: {splunk: {urls: ["`+sim.url+`"], token: `+splunkToken+`}}
`)
	start := func(name string) *process {
		c := service(t, name, "bus.url="+url)
		c.args = append(c.args, "--config", file)
		return c.start(t)
	}
	instances := []*process{start("transform"), start("transform")}
	start("shipper").ready()
	ingest := start("ingest").ready()
	for _, p := range instances {
		p.ready()
	}
	drain := ingest.drainURL(secret)
	posted := 0
	post := func(line string) {
		t.Helper()
		posted++
		mustPost(t, drain, frame(line+"\n"), "Logplex-Frame-Id", strconv.Itoa(posted))
	}
	var want []string
	const traces = 10
	for n := range traces {
		for _, line := range trace(n) {
			post(line)
		}
		post("ordinary line " + strconv.Itoa(n))
		want = append(want, strings.Join(trace(n), "\n"), "ordinary line "+strconv.Itoa(n))
	}
	eventually(t, "all is indexed", func() bool { return sim.Count() >= 2*traces })
	if got := sim.texts(); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("indexed %q", got)
	}

	// Whoever has the lines dies with them.
	lines := trace(99)
	for _, line := range lines[:3] {
		post(line)
	}
	for _, p := range instances {
		p.kill()
	}
	instances[0].again().ready()
	for _, line := range lines[3:] {
		post(line)
	}
	began := time.Now()
	eventually(t, "every line of it is indexed", func() bool {
		all := strings.Join(sim.texts(), "\n")
		return !slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(all, line) })
	})
	t.Logf("indexed after %v", time.Since(began))
}
