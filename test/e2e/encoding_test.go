package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heroku/x/logplex/encoding"

	"github.com/drainline/drainline/test/simulators/splunk"
)

// What Heroku's own encoder writes arrives as it was meant: through the senders
// that leave STRUCTURED-DATA out (Logplex) and those that send it (log-shuttle).
func TestHerokusEncoder(t *testing.T) {
	t.Parallel()
	for _, sender := range []struct {
		name       string
		withSD     bool
		headers    []string
		drainToken string
	}{
		{"Logplex", false, nil, drainToken},
		{"log-shuttle", true, []string{"User-Agent", "log-shuttle/0.22.0", "Logplex-Drain-Token", ""}, ""},
	} {
		t.Run(sender.name, func(t *testing.T) {
			t.Parallel()
			const requests, most = 40, 20
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))

			sim := serveSplunk(t)
			_, url := startNATS(t, "")
			run := service(t, "drainline run", append(to(sim.url), "bus.url="+url)...).start(t).ready()
			drain := run.drainURL(secret)

			var want []string
			for n := range requests {
				var body bytes.Buffer
				for range 1 + random.IntN(most) {
					m := randomMessage(random)
					m.RFCCompliant = sender.withSD
					want = append(want, expected(m, sender.drainToken))
					if _, err := m.WriteTo(&body); err != nil {
						t.Fatal(err)
					}
				}
				mustPost(t, drain, body.Bytes(), append(sender.headers, "Logplex-Frame-Id", strconv.Itoa(n))...)
			}
			bus := lookAt(t, url)
			bus.settle()
			var got []string
			for _, e := range sim.Events() {
				got = append(got, arrived(e))
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%d events, want %d%s", len(got), len(want), firstDifference(got, want))
			}
			if dead := bus.dead(); len(dead) > 0 {
				t.Errorf("dead letters %v", dead)
			}
		})
	}
}

var (
	hostnames = []string{"host", "shop", "a.example.com", strings.Repeat("h", 255)}
	sources   = []string{"app", "heroku", "my-addon"} // APPNAMEs
	processes = []string{"web", "worker", "run", "release", "clock_2"}
	pieces    = []string{
		"x", " ", "  ", "\n", "\t", "\r\n", "[info] ", "- ", "<190>1 ", "83 <190>1 2024-05-01T12:00:00Z host app web.1 - ", `"`, `\`, "\x00",
		"\x1b[31m", "\u00e9", "\u2603", "\U0001f600", "\u2028", "</script>", `{"event":"forged"}`, "key=value", "0", "at=error code=H12 ",
	}
)

func randomMessage(r *rand.Rand) encoding.Message {
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	const year = 365 * 24 * int64(time.Hour/time.Microsecond)
	at := time.UnixMicro(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - r.Int64N(10*year))
	switch r.IntN(3) {
	case 0:
		at = at.Truncate(time.Second)
	case 1:
		at = at.Truncate(time.Millisecond)
	}
	text := "begin "
	for range r.IntN(1 << r.IntN(10)) {
		text += pick(pieces)
	}
	return encoding.Message{
		Version: 1, Priority: uint8(r.IntN(192)), Timestamp: at.In(time.FixedZone("", (r.IntN(27)-12)*3600)),
		Hostname: pick(hostnames), Application: pick(sources), Process: pick(processes) + "." + strconv.Itoa(1+r.IntN(9999)), Message: text,
	}
}

// expected says what has to become of a message, arrived what has. A hostname is
// that of the app where it is not Logplex's own, which is always "host".
func expected(m encoding.Message, drainToken string) string {
	host := m.Hostname
	if host == "host" {
		host = drainToken
	}
	kind := map[string]string{"app": "app", "heroku": "system"}[m.Application]
	dyno := m.Process
	if kind == "" {
		kind, dyno = "addon", ""
	}
	process, _, _ := strings.Cut(m.Process, ".")
	return line(m.Timestamp, host, kind, process, dyno, strings.TrimSuffix(m.Message, "\n"))
}

func arrived(e splunk.Event) string {
	field := func(name string) string {
		s, _ := e.Fields[name].(string)
		return s
	}
	return line(e.Time, e.Host, field("heroku_kind"), field("heroku_process"), field("heroku_dyno"), e.Text())
}

func line(at time.Time, host, kind, process, dyno, text string) string {
	return fmt.Sprintf("%s host=%s kind=%s process=%s dyno=%s %q", at.UTC().Format(time.RFC3339Nano), host, kind, process, dyno, text)
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("; the first that differs\n%s\n%s", got[i], want[i])
		}
	}
	return ""
}
