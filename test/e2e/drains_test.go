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

const newToken = "d.00000000-0000-4000-8000-00000000000"

// A listed drain's lines carry what its entry says; others are quarantined, can be
// seen, and are at home as soon as they are listed too.
func TestDrains(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	_, url := startNATS(t, "")
	file := filepath.Join(t.TempDir(), "drainline.yaml")
	write := func(entries ...string) {
		t.Helper()
		content := "ingest: {logplex: {unknown_index: quarantine}}\ndrains:\n" + strings.Join(entries, "\n") + "\n"
		replaceFile(t, file, content)
	}
	const shop = `- {token: ` + drainToken + `, app: shop, index: web, sourcetype: app:log, fields: {team: web}}`
	write(shop)
	admin := port.Free(t)
	c := service(t, "drainline run", append(to(sim.url), "bus.url="+url, "admin.listen="+admin)...)
	c.args = append(c.args, "--config", file)
	run := c.start(t).ready()
	drain, bus := run.drainURL(secret), lookAt(t, url)

	unknown := newToken + "1"
	mustPost(t, drain, frame("at home\n"))
	mustPost(t, drain, frame("who is it\n"), "Logplex-Drain-Token", unknown)
	bus.settle()
	status := command{program: "drainline", args: []string{"status", "--set", "admin.listen=" + admin}}.start(t)
	status.line(`.*` + strings.ReplaceAll(unknown, ".", `\.`) + `.*`)
	if code := status.exit(); code != 1 { // it needs somebody
		t.Errorf("status ended with %d", code)
	}

	write(shop, `- {token: `+unknown+`, app: blog}`)
	tries := 0
	eventually(t, "the new entry is in force", func() bool {
		tries++
		id := strconv.Itoa(tries)
		mustPost(t, drain, frame("blog\n"), "Logplex-Drain-Token", unknown, "Logplex-Frame-Id", id)
		bus.settle()
		events := sim.Events()
		return events[len(events)-1].Host == "blog"
	})
	events := sim.Events()
	for _, want := range []struct {
		text, host, index, sourcetype, team, mark string
	}{
		{"at home", "shop", "web", "app:log", "web", ""},
		{"who is it", unknown, "quarantine", "heroku:app", "", "unknown_drain"},
	} {
		at := slices.IndexFunc(events, func(e splunk.Event) bool { return e.Text() == want.text })
		if at < 0 {
			t.Fatalf("%q is not indexed", want.text)
		}
		e := events[at]
		team, _ := e.Fields["team"].(string)
		mark, _ := e.Fields["drainline_mark"].(string)
		if e.Host != want.host || e.Index != want.index || e.Sourcetype != want.sourcetype || team != want.team || mark != want.mark {
			t.Errorf("%q: host %s, index %s, sourcetype %s, fields %v", want.text, e.Host, e.Index, e.Sourcetype, e.Fields)
		}
	}
}

// While two drains of one app overlap, until hands over from one to the other by
// the time of the line: each is shipped once.
func TestHandOver(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	_, url := startNATS(t, "")
	file := filepath.Join(t.TempDir(), "drainline.yaml")
	content := `drains:
- {token: ` + drainToken + `, app: shop, until: 2024-05-01T12:00:00.123456Z}
- {token: ` + newToken + `2, app: shop, from: 2024-05-01T12:00:00.123456Z}
`
	replaceFile(t, file, content)
	c := service(t, "drainline run", append(to(sim.url), "bus.url="+url)...)
	c.args = append(c.args, "--config", file)
	run := c.start(t).ready()
	drain := run.drainURL(secret)
	early := []byte("66 <190>1 2024-05-01T12:00:00.123455+00:00 host app web.1 - the last\n")
	for _, token := range []string{drainToken, newToken + "2"} {
		for id, body := range map[string][]byte{"late": frame("the first\n"), "early": early} {
			mustPost(t, drain, body, "Logplex-Drain-Token", token, "Logplex-Frame-Id", id)
		}
	}
	lookAt(t, url).settle()
	if got, want := sim.texts(), []string{"the first", "the last"}; !slices.Equal(got, want) {
		t.Errorf("indexed %q, want %q", got, want)
	}
	run.metric(`drainline_transform_handed_over\w*\{.*\}`, 2)
}
