package e2e

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// trace is one stack trace, a line each, which no other has.
func trace(n int) []string {
	number := strconv.Itoa(n)
	return []string{
		"java.lang.IllegalStateException: number " + number,
		"\tat shop.Cart.pay(Cart.java:" + number + ")",
		"\tat shop.Main.main(Main.java:" + number + ")",
		"Caused by: java.io.IOException: n=" + number,
		"\t... " + number + " more",
	}
}

// The lines of a stack trace come in a request each, which is how Logplex sends them at
// low traffic, and become one event, whichever of two instances takes them; also when
// the one that has them is killed in between, nothing is lost, and nothing is there more
// than twice.
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
	drain, bus := ingest.drainURL(secret), lookAt(t, url)
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
	copies := func() map[string]int {
		n := map[string]int{}
		for line := range strings.SplitSeq(strings.Join(sim.texts(), "\n"), "\n") {
			n[line]++
		}
		return n
	}
	eventually(t, "every line of it is indexed", func() bool {
		n := copies()
		return !slices.ContainsFunc(lines, func(line string) bool { return n[line] == 0 })
	})
	bus.settle()
	n := copies()
	for _, line := range lines {
		if n[line] > 2 {
			t.Errorf("%q is indexed %d times", line, n[line])
		}
	}
}
