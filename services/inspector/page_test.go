package inspector_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/inspector"
)

func TestEmptyPage(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	r := f.get("/")
	for _, want := range []string{"drainline send ", "curl " + f.url + "/services/collector/event", "Tokens are not checked"} {
		if !strings.Contains(r.body, want) {
			t.Errorf("the empty page does not say %q", want)
		}
	}
	if r := f.get("/?app=shop"); !strings.Contains(r.body, "matches the filter") || !strings.Contains(r.body, "<option selected>shop</option>") {
		t.Error("the empty page of a filter does not say so")
	}
}

func TestPageShowsEvents(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	f.post(`{"time":1714564800.123456,"host":"shop","source":"web","sourcetype":"heroku:router","index":"main",` +
		`"event":"at=info\nsecond line","fields":{"heroku_dyno":"web.1","many":["a","b"]}}`)
	body := f.get("/").body
	for _, want := range []string{
		`<time datetime="2024-05-01T12:00:00.123456Z"`, `>12:00:00.123<`, `class="kind router"`, `>shop<`, `>heroku:router<`, `>main<`,
		"at=info ↵ second line", "at=info\nsecond line", `<dt>heroku_dyno</dt><dd>web.1</dd>`, `<dt>many</dt><dd>[&#34;a&#34;,&#34;b&#34;]</dd>`,
		`{&#34;time&#34;:1714564800.123456,`, `href="events/1"`, `<dd id="received">1</dd>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	if t.Failed() {
		t.Log(body)
	}
}

// A line of the raw endpoint looks like an event, and says that it came as a line.
func TestPageShowsLines(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	const said = "The line as an envelope</a> · sent to the raw endpoint · event "
	f.post(`{"event":"hello"}`)
	if strings.Contains(f.get("/").body, said) {
		t.Error("an event is shown as a line")
	}
	f.do(http.MethodPost, "/services/collector/raw?host=shop&source=web&sourcetype=heroku:router&index=main&time=1714564800.123456", "at=info <b>\n")
	body := f.get("/").body
	for _, want := range []string{
		`<time datetime="2024-05-01T12:00:00.123456Z"`, `class="kind router"`, `>shop<`, `>main<`, `<span class="text">at=info &lt;b&gt;</span>`,
		said + "2", "The envelope as it was sent</a> · event 1",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
}

// A metric event shows its measurements, and is found by them.
func TestMeasurements(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	for _, c := range []struct{ event, want string }{
		{`"event":"metric","fields":{"metric_name:rss":21.5,"heroku_app":"shop","metric_name:quota":512}`, "rss=21.5 quota=512"},
		{`"event":"metric","fields":{"metric_name":"rss","_value":"3","heroku_app":"shop"}`, "rss=3"},
		{`"event":"metric","fields":{"metric_name":"rss","_value":3,"metric_name:cpu":512}`, "cpu=512 rss=3"},
		{`"event":"metric","fields":{"metric_name:db \u00fc":"1e3"}`, "db ü=1e3"},
		{`"event":"metric","fields":{"metric_names":1,"_value":2}`, "metric"},
		{`"event":"metric","fields":{"heroku_app":"shop"}`, "metric"},
		{`"event":"metric"`, "metric"},
		{`"event":"other","fields":{"metric_name:rss":1}`, "other"},
	} {
		f.post("{" + c.event + "}")
		if page := f.get("/").body; !strings.Contains(page, `<span class="text">`+c.want+`</span>`) {
			t.Errorf("%s: no %s on the page", c.event, c.want)
		}
	}
	if got := f.events(url.Values{"text": {"QUOTA="}}).texts(); got != "rss=21.5 quota=512" {
		t.Errorf("found %s", got)
	}
}

// What an event says stays text, wherever it is shown.
func TestNothingIsInjected(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	const evil = `\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}`
	f.post(`{"host":"` + evil + `","source":"` + evil + `","sourcetype":"heroku:` + evil + `","index":"` + evil + `","event":"` + evil +
		`\",\"index\":\"evil\"}{\"event\":\"forged","fields":{"` + evil + `":"` + evil + `"}}`)
	if r := f.do(http.MethodPost, "/services/collector", `{"event":"x","fields":{"`+evil+`":{}}}`); r.status != http.StatusBadRequest {
		t.Errorf("the bad event is answered %d", r.status)
	}
	if n := len(f.events(nil).Events); n != 1 {
		t.Errorf("%d events", n)
	}
	query := url.Values{"text": {"<script>alert(1)"}}.Encode()
	foreign := url.Values{"app": {`"><script>alert(1)</script>`}, "kind": {`"><script>`}, "text": {`"><script>`}}.Encode()
	rows := f.stream("/live?after=0&" + query).next("rows").data
	for name, body := range map[string]string{
		"page": f.get("/").body, "filtered": f.get("/?" + query).body, "nothing found": f.get("/?" + foreign).body, "live": rows,
	} {
		for _, bad := range []string{"<script>alert", "<img src=x", "<script>\""} {
			if strings.Contains(body, bad) {
				t.Errorf("%s: %s gets through", name, bad)
			}
		}
	}
	if !strings.Contains(f.get("/?"+query).body, "&lt;img src=x onerror=alert(2)&gt;") {
		t.Error("the text is not there as text")
	}
}

func TestNothingRunsButThePagesOwn(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	page := f.get("/")
	policy := page.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q has no %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	if inline := regexp.MustCompile(`<script>|<style|\son\w+=|\sstyle=`).FindString(page.body); inline != "" {
		t.Errorf("the page has %q, which its policy forbids", inline)
	}
	found := regexp.MustCompile(`(?:href|src)="([^"#][^"]*)"`).FindAllStringSubmatch(page.body, -1)
	for _, link := range found {
		if r := f.get("/" + strings.TrimPrefix(link[1], "./")); r.status != http.StatusOK || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d", link[1], r.status)
		}
	}
	if len(found) < 3 {
		t.Errorf("only %v are linked", found)
	}
}

// A website whose name resolves to a loopback address may not read the logs.
func TestPageAnswersToThisMachineOnly(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	f.post(`{"event":"secret"}`)
	for _, c := range []struct {
		host   string
		status int
	}{
		{"localhost", http.StatusOK},
		{"localhost:8089", http.StatusOK},
		{"inspector.localhost:8089", http.StatusOK},
		{"127.0.0.1:1", http.StatusOK},
		{"[::1]:8089", http.StatusOK},
		{"evil.example.com", http.StatusMisdirectedRequest},
		{"127.0.0.1.evil.example.com:8089", http.StatusMisdirectedRequest},
		{"10.0.0.1:8089", http.StatusMisdirectedRequest},
	} {
		for _, path := range []string{"/", "/events", "/events/1", "/page.js"} {
			r := f.do(http.MethodGet, path, "", "Host", c.host)
			if r.status != c.status || c.status != http.StatusOK && strings.Contains(r.body, "secret") {
				t.Errorf("%s%s: %d", c.host, path, r.status)
			}
		}
	}
	if r := f.do(http.MethodPost, "/services/collector", `{"event":1}`, "Host", "inspector:8089"); r.status != http.StatusOK {
		t.Errorf("the door under another name: %d", r.status)
	}
	open := start(t, inspector.Options{Listen: "0.0.0.0:0"})
	if r := open.do(http.MethodGet, "/", "", "Host", "inspector:8089"); r.status != http.StatusOK {
		t.Errorf("on all addresses, under another name: %d", r.status)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	f := start(t, inspector.Options{})
	f.post(`{"event":"one Timeout","host":"shop","sourcetype":"heroku:router"}` +
		`{"event":"two","host":"shop","sourcetype":"heroku:app"}` +
		`{"event":"three TIMEOUT","host":"bill","sourcetype":"heroku:app"}` +
		`{"event":{"k":"four"},"host":"bill"}`)
	for _, c := range []struct{ query, texts string }{
		{"", `{"k":"four"} three TIMEOUT two one Timeout`},
		{"text=timeout", "three TIMEOUT one Timeout"},
		{"text=TIMEOUT&app=shop", "one Timeout"},
		{"text=Four", `{"k":"four"}`},
		{"app=shop", "two one Timeout"},
		{"app=sho", ""},
		{"kind=app", "three TIMEOUT two"},
		{"kind=app&app=bill", "three TIMEOUT"},
		{"limit=1", `{"k":"four"}`},
		{"limit=1&app=shop", "two"},
		{"text=%ff", `{"k":"four"} three TIMEOUT two one Timeout`},
	} {
		query, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.events(query); got.texts() != c.texts || got.Received != 4 {
			t.Errorf("%s: %s, want %s", c.query, got.texts(), c.texts)
		}
	}
	for _, limit := range []string{"0", "-1", "x", "1e3"} {
		if r := f.get("/events?limit=" + limit); r.status != http.StatusBadRequest || !strings.Contains(r.body, "limit") {
			t.Errorf("limit=%s: %d %s", limit, r.status, r.body)
		}
	}
	page := f.get("/?app=bill&kind=app").body
	if !strings.Contains(page, "three TIMEOUT") || strings.Contains(page, "one Timeout") {
		t.Error("the page is not filtered")
	}
	for _, want := range []string{"<option selected>bill</option>", "<option>shop</option>", "<option selected>app</option>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the filtered page does not have %s", want)
		}
	}
}
