package e2e

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// routerFrame is a line of the router, framed.
func routerFrame(path string, status int) []byte {
	line := `<158>1 2024-05-01T12:00:00.123456+00:00 host heroku router - at=info method=GET path="` + path +
		`" host=shop.example.com request_id=59da6323-2bc4-4143-8677-cc66ccfb115f fwd="1.2.3.4" dyno=web.1 connect=0ms service=3ms status=` +
		strconv.Itoa(status) + ` bytes=6979 protocol=https`
	return []byte(strconv.Itoa(len(line)) + " " + line)
}

// text shows where an event went, too.
func shown(events []splunk.Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.Index+" "+e.Text())
	}
	slices.Sort(all)
	return all
}

// What the operator's rules say is done between the door and Splunk, and another version
// of them is put in force while it runs, or refused whole.
func TestRules(t *testing.T) {
	t.Parallel()
	web, audit := serveSplunk(t), serveSplunk(t)
	_, url := startNATS(t, "")
	file := filepath.Join(t.TempDir(), "drainline.yaml")
	const head = `destinations:
  web: {urls: ["WEB"], token: TOKEN, max_bytes: 1GiB}
  audit: {urls: ["AUDIT"], token: TOKEN, max_bytes: 1GiB, when: 'kind == "api"', format: json}
rules:
`
	write := func(rules string) {
		t.Helper()
		replaceFile(t, file, strings.NewReplacer("WEB", web.url, "AUDIT", audit.url, "TOKEN", splunkToken).Replace(head)+rules)
	}
	const rules = `  - {name: health checks, when: 'kind == "router" && fields.path == "/healthz" && fields.status < 400', drop: true}
  - {name: router, when: 'kind == "router"', set: {index: web}}
  - {name: secrets, redact: [bearer, {pattern: 'sk_live_\w+', with: '***'}]}
`
	write(rules)
	admin := port.Free(t)
	c := service(t, "drainline run", "bus.url="+url, "admin.listen="+admin)
	c.args = append(c.args, "--config", file)
	run := c.start(t).ready()
	drain := run.drainURL(secret)
	api := "<134>1 2024-05-01T12:00:03.1+00:00 host app api - Release v9 created by user a@b.c"
	for n, body := range [][]byte{
		routerFrame("/healthz", 200), routerFrame("/healthz", 503), frame("paid with sk_live_abc123\n"), frame("Authorization: Bearer abc.def\n"),
		[]byte(strconv.Itoa(len(api)) + " " + api),
	} {
		mustPost(t, drain, body, "Logplex-Frame-Id", strconv.Itoa(n))
	}
	eventually(t, "all is indexed", func() bool { return web.Count() == 4 && audit.Count() == 1 })
	_, healthz, _ := strings.Cut(string(routerFrame("/healthz", 503)), " - ")
	want := []string{
		" Authorization: Bearer ***", " Release v9 created by user a@b.c", " paid with ***", "web " + healthz,
	}
	if got := shown(web.Events()); !slices.Equal(got, want) {
		t.Errorf("indexed %q, want %q", got, want)
	}
	if e := audit.Events()[0]; !strings.Contains(string(e.Event), `"version":"v9"`) {
		t.Errorf("the other destination has %s", e.Event)
	}
	run.metric(`drainline_transform_rule_events_total\{action="dropped",rule="health checks"\}`, 1)

	write(rules + "  - {name: typo, when: 'knd == \"app\"', drop: true}\n")
	run.line(`.*the changed configuration is not used, the running one stays.*typo.*column 1.*knd.*kind.*`)
	run.metric("drainline_configuration_refused", 1)
	mustPost(t, drain, frame("sk_live_2\n"), "Logplex-Frame-Id", "after the typo")
	eventually(t, "the running rules go on", func() bool { return web.Count() == 5 })
	if got := web.Events()[4].Text(); got != "***" {
		t.Errorf("indexed %q", got)
	}

	write("  - {name: other, set: {index: other}}\n")
	tries := 0
	eventually(t, "other rules are in force", func() bool {
		before := web.Count()
		tries++
		mustPost(t, drain, frame("plain\n"), "Logplex-Frame-Id", "other"+strconv.Itoa(tries))
		eventually(t, "the line is indexed", func() bool { return web.Count() > before })
		events := web.Events()
		return events[len(events)-1].Index == "other"
	})
	run.metric("drainline_configuration_refused", 0)
}

// A mistake in a rule is found before anything starts, by everything that reads rules.
func TestRulesAreChecked(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "drainline.yaml")
	replaceFile(t, file, `destinations: {splunk: {urls: ["http://127.0.0.1:1"], token: t}}
rules:
  - {name: one, when: 'kind == "router" && fields.pth == "/"', drop: true}
  - {name: two, when: 'severity == "high"', drop: true}
`)
	for _, args := range [][]string{{"run"}, {"config", "check"}, {"transform", "--set", "bus.url=nats://127.0.0.1:1"}} {
		p := command{program: "drainline", args: append(args, "--config", file, "--set", "admin.listen=127.0.0.1:0"), dir: t.TempDir()}.start(t)
		if code := p.exit(); code != 2 {
			t.Errorf("%q ended with %d, want 2", args, code)
		}
		p.line(`.*rules\[0\] \(one\)\.when: column \d+: .*"?pth"?.*"?path"?.*`)
		p.line(`.*rules\[1\] \(two\)\.when: column \d+: .*`)
	}
}
