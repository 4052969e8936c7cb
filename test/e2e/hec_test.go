package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	hecToken    = "22222222-3333-4444-5555-666666666666"
	hecAckToken = "33333333-4444-5555-6666-777777777777"
	hecChannel  = "FE0ECFAD-13D5-401B-847D-77833BD77131"
	hecSuccess  = `{"text":"Success","code":0}`
)

// hecTokens open the HEC door: web for anybody, billing for those who want
// acknowledgements.
func hecTokens() []string {
	return []string{
		"ingest.hec.listen=127.0.0.1:0", "ingest.hec.tokens.web.token=" + hecToken,
		"ingest.hec.tokens.billing.token=" + hecAckToken, "ingest.hec.tokens.billing.ack=true",
	}
}

// hecURL is where the HEC door is.
func (p *process) hecURL() string {
	p.t.Helper()
	return strings.Replace(p.line(`HEC URL +(\S+)`), "localhost", "127.0.0.1", 1)
}

// collect makes one request to a HEC door. Headers are pairs of names and values.
func collect(t *testing.T, url, token string, body []byte, headers ...string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Splunk "+token)
	for ; len(headers) > 0; headers = headers[2:] {
		r.Header.Set(headers[0], headers[1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func mustCollect(t *testing.T, url, token, body string, headers ...string) {
	t.Helper()
	if status, answer := collect(t, url, token, []byte(body), headers...); status != http.StatusOK || answer != hecSuccess {
		t.Fatalf("answered %d %s", status, answer)
	}
}

// Events pass unchanged in meaning: numbers keep their digits, keys their order.
func TestHECEvents(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	_, url := startNATS(t, "")
	settings := append(append(to(sim.url), hecTokens()...), "bus.url="+url, "ingest.hec.tokens.web.split_arrays=true",
		"ingest.hec.tokens.web.index=main", "ingest.hec.tokens.web.indexes=main,web", "ingest.hec.tokens.web.fields=team=shop")
	run := service(t, "drainline run", settings...).start(t).ready()
	door := run.hecURL() + "/services/collector"

	long := strings.Repeat("x", 70_000)
	for _, c := range []struct{ path, body string }{
		{"", `{"time":"1433188255.500001","host":"h","source":"s","sourcetype":"st","index":"web","event":{"b":1.10,"a":12345678901234567890},"fields":{"n":1.0,"m":["x","y"]}}`},
		{"/event", `[{"event":"one","time":1},{"event":[{"k":1},{"k":2}],"time":2}]`},
		{"/event/1.0?host=query&sourcetype=q", "{\"time\":3,\"event\":\"bad \xe4\"}"},
		{"/event", `{"time":4,"event":"metric","host":"h","fields":{"metric_name:cpu.usr":11.12,"region":"us"}}`},
		{"/raw?source=file&time=5", "first\r\n" + long + "\n  \nlast"},
	} {
		mustCollect(t, door+c.path, hecToken, c.body)
	}
	status, answer := collect(t, door, hecToken, []byte(`{"event":"ok"}{"event":"p","index":"no_such_index"}`))
	if want := `{"text":"Incorrect index","code":7,"invalid-event-number":2}`; status != http.StatusBadRequest || answer != want {
		t.Errorf("answered %d %s", status, answer)
	}
	lookAt(t, url).settle()

	var got []string
	for _, e := range sim.Events() {
		text := strings.ReplaceAll(string(e.Event), long, "LONG")
		fields, err := json.Marshal(e.Fields)
		if err != nil {
			t.Fatal(err)
		}
		at := fmt.Sprintf("%d.%06d", e.Time.Unix(), e.Time.Nanosecond()/1000)
		got = append(got, strings.Join([]string{at, e.Host, e.Source, e.Sourcetype, e.Index, text, string(fields)}, " "))
	}
	slices.Sort(got)
	want := []string{
		`1.000000 127.0.0.1 http:web httpevent main "one" {"team":"shop"}`,
		`1433188255.500001 h s st web {"b":1.10,"a":12345678901234567890} {"m":["x","y"],"n":1.0,"team":"shop"}`,
		`2.000000 127.0.0.1 http:web httpevent main {"k":1} {"team":"shop"}`,
		`2.000000 127.0.0.1 http:web httpevent main {"k":2} {"team":"shop"}`,
		"3.000000 query http:web q main \"bad \ufffd\" {\"team\":\"shop\"}",
		`4.000000 h http:web httpevent main "metric" {"metric_name:cpu.usr":11.12,"region":"us","team":"shop"}`,
		`5.000000 127.0.0.1 file httpevent main "LONG" {"team":"shop"}`,
		`5.000000 127.0.0.1 file httpevent main "first" {"team":"shop"}`,
		`5.000000 127.0.0.1 file httpevent main "last" {"team":"shop"}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("indexed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Heroku drains that post straight to Splunk move over by their host name.
func TestLogplexAtTheHECDoor(t *testing.T) {
	t.Parallel()
	sim := serveSplunk(t)
	_, url := startNATS(t, "")
	run := service(t, "drainline run", append(append(to(sim.url), hecTokens()...), "bus.url="+url)...).start(t).ready()
	bus := lookAt(t, url)
	drain := strings.Replace(run.hecURL(), "://", "://x:"+hecToken+"@", 1) +
		"/services/collector/raw/1.0?sourcetype=heroku&source=checkout&host=checkout.herokuapp.com&channel=" + hecChannel
	bodies := map[string][]byte{}
	for _, v := range vectors(t) {
		bodies[v.ID] = v.Body
	}
	for range 2 {
		mustPost(t, drain, bodies["N6"], "Logplex-Frame-Id", "N6")
	}
	bus.settle()
	events := sim.Events()
	if len(events) != 1 {
		t.Fatalf("%d events, want 1", len(events))
	}
	e := events[0]
	if at := e.Time.UnixMicro(); at != 1_714_564_800_223_456 || e.Host != "checkout.herokuapp.com" || e.Source != "checkout" || e.Sourcetype != "heroku" {
		t.Errorf("time %d, host %s, source %s, sourcetype %s", at, e.Host, e.Source, e.Sourcetype)
	}
	mustPost(t, drain, bodies["N4"], "Logplex-Frame-Id", "N4", "Logplex-Msg-Count", "2")
	bus.settle()
	if n := len(sim.Events()); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
	run.metric(`drainline_transform_lost_upstream\w*\{code="L10",.*\}`, 3)
	if status := post(t, strings.Replace(drain, hecToken, "wrong", 1), bodies["N6"]); status != http.StatusUnauthorized && status != http.StatusForbidden {
		t.Errorf("a wrong token is answered %d", status)
	}
}

// metric waits until a metric, a pattern of its name and labels, has that value.
func (p *process) metric(pattern string, want float64) {
	p.t.Helper()
	admin := p.line(`admin +(http://\S+) .*`)
	eventually(p.t, fmt.Sprintf("%s is %v", pattern, want), func() bool { return p.scrape(admin, pattern) == want })
}

// Sixty-four bodies that inflate without end, or to as much as may be, at once,
// cost bounded memory.
func TestGzipBombs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		piece  string
		size   int
		status int
	}{
		{"1 GiB of events", `{"event":"boom"}`, 1 << 30, http.StatusRequestEntityTooLarge},
		{"8 MiB that are no UTF-8", "\xff", 8 << 20, http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := serveSplunk(t)
			_, url := startNATS(t, "")
			run := service(t, "drainline run", append(append(to(sim.url), hecTokens()...), "bus.url="+url)...).start(t).ready()
			bomb := inflating(t, c.piece, c.size)
			before := run.memory("VmRSS")
			var senders sync.WaitGroup
			for n := range 64 {
				senders.Go(func() {
					var status int
					if n%2 == 0 {
						status, _ = collect(t, run.hecURL()+"/services/collector", hecToken, bomb, "Content-Encoding", "gzip")
					} else {
						status = post(t, run.drainURL(secret), bomb, "Content-Encoding", "gzip")
					}
					if status != c.status && status != http.StatusServiceUnavailable { // there was no memory for it in time
						t.Errorf("answered %d", status)
					}
				})
			}
			senders.Wait()
			const most = 256 << 20
			peak := run.memory("VmHWM")
			t.Logf("%d MiB before, %d MiB at most", before>>20, peak>>20)
			if !race && peak-before > most {
				t.Errorf("memory grew by %d MiB", (peak-before)>>20)
			}
		})
	}
}

// inflating is gzip of so many bytes of a piece again and again.
func inflating(t *testing.T, piece string, size int) []byte {
	t.Helper()
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	pieces := bytes.Repeat([]byte(piece), 1<<20/len(piece))
	for n := 0; n < size; n += len(pieces) {
		if _, err := w.Write(pieces); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body.Bytes()
}

// memory is a process's memory, now (VmRSS) or at its highest (VmHWM), in bytes.
func (p *process) memory(name string) int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return kib << 10
		}
	}
	p.t.Fatalf("no %s", name)
	return 0
}

// An acknowledgement is true: not before Splunk has the events, once, over
// restarts, and whichever instance is asked.
func TestAcknowledgement(t *testing.T) {
	t.Parallel()
	sim := startSplunk(t)
	_, url := startNATS(t, "")
	settings := append(append(to(sim.url), hecTokens()...), "bus.url="+url, "destinations.splunk.retry.max=500ms")
	for _, name := range []string{"transform", "shipper"} {
		service(t, name, settings...).start(t).ready()
	}
	first, second := service(t, "ingest", settings...).start(t).ready(), service(t, "ingest", settings...).start(t).ready()
	send := func(at *process, want int) {
		t.Helper()
		status, answer := collect(t, at.hecURL()+"/services/collector/event", hecAckToken, []byte(`{"event":"paid"}`), "X-Splunk-Request-Channel", hecChannel)
		if want := fmt.Sprintf(`{"text":"Success","code":0,"ackId":%d}`, want); status != http.StatusOK || answer != want {
			t.Fatalf("answered %d %s, want %s", status, answer, want)
		}
	}
	ask := func(at *process, ids string) string {
		t.Helper()
		status, answer := collect(t, at.hecURL()+"/services/collector/ack?channel="+strings.ToLower(hecChannel), hecAckToken, []byte(`{"acks":[`+ids+`]}`))
		if status != http.StatusOK {
			t.Fatalf("answered %d %s", status, answer)
		}
		return answer
	}
	told := func(at *process, ids, want string) {
		t.Helper()
		eventually(t, ids+" become "+want, func() bool { return ask(at, ids) == want })
	}

	send(first, 0)
	told(first, "0", `{"acks":{"0":true}}`)
	if again := ask(first, "0"); again != `{"acks":{"0":false}}` {
		t.Errorf("told again: %s", again)
	}
	sim.stop()
	send(second, 1)
	send(first, 2)
	for _, at := range []*process{first, second} {
		if early := ask(at, "1,2,7"); early != `{"acks":{"1":false,"2":false,"7":false}}` {
			t.Errorf("told before Splunk had it: %s", early)
		}
	}
	first.kill()
	first = first.again().ready()
	sim.back()
	told(first, "1", `{"acks":{"1":true}}`)
	told(second, "2", `{"acks":{"2":true}}`)
	second.stop()
	second = second.again().ready()
	send(second, 3)
	if again := ask(second, "0,1,2"); again != `{"acks":{"0":false,"1":false,"2":false}}` {
		t.Errorf("told again after a restart: %s", again)
	}
	told(second, "3", `{"acks":{"3":true}}`)
}
