package clients

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/docker/docker/daemon/logger"
	dockersplunk "github.com/docker/docker/daemon/logger/splunk"
)

// start is the time of the first message, in whole microseconds.
var start = time.Unix(1_714_564_800, 123_456_000)

// messages is more than two of the driver's requests, of 1000 messages each.
const messages = 2_500

// line is the n-th message: with all that JSON writes in another way.
func line(n int) string {
	return fmt.Sprintf("\x1b[32minfo\x1b[0m\t%q <%d> grüße 😀 \\ order=%d", "paid", n, n)
}

// structured is a message in JSON, with numbers that no float64 holds.
func structured(n int) string {
	return fmt.Sprintf(`{"amount":1.10,"id":12345678901234567890,"order":%d}`, n)
}

func TestDocker(t *testing.T) {
	t.Parallel()
	inline := func(n int) any {
		return map[string]any{"line": line(n), "source": "stdout", "tag": "0123456789ab", "attrs": map[string]string{"app": "shop"}}
	}
	for _, c := range []struct {
		name    string
		token   string
		options map[string]string
		line    func(n int) string
		body    func(n int) any
		want    event // but for time, host and body
	}{
		{"defaults", token, nil, line, inline, event{source: "http:web", sourcetype: "httpevent", fields: `{"team":"shop"}`}},
		{
			"gzip and metadata", token,
			map[string]string{
				"splunk-gzip": "true", "splunk-gzip-level": "9",
				"splunk-source": "dockerd", "splunk-sourcetype": "docker:log", "splunk-index": "web",
			},
			line, inline,
			event{source: "dockerd", sourcetype: "docker:log", index: "web", fields: `{"team":"shop"}`},
		},
		{
			"acknowledgement", ackToken,
			map[string]string{"splunk-index-acknowledgment": "true"},
			line, inline,
			event{source: "http:acked", sourcetype: "httpevent", fields: `null`},
		},
		{
			"acknowledgement and gzip", ackToken,
			map[string]string{"splunk-index-acknowledgment": "true", "splunk-gzip": "true"},
			line, inline,
			event{source: "http:acked", sourcetype: "httpevent", fields: `null`},
		},
		{
			"raw", token,
			map[string]string{"splunk-format": "raw", "tag": "{{.Name}}"},
			line, func(n int) any { return "web app=shop " + line(n) },
			event{source: "http:web", sourcetype: "httpevent", fields: `{"team":"shop"}`},
		},
		{
			"json", token,
			map[string]string{"splunk-format": "json", "tag": "", "labels": ""},
			structured, func(n int) any { return map[string]any{"line": json.RawMessage(structured(n)), "source": "stdout"} },
			event{source: "http:web", sourcetype: "httpevent", fields: `{"team":"shop"}`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			host := logWithDocker(t, d.hec, c.token, c.options, c.line)
			var want []event
			for n := range messages {
				e := c.want
				e.micros, e.host, e.body = sent(n).UnixMicro(), host, encode(t, c.body(n))
				want = append(want, e)
			}
			d.expect(t, want)
		})
	}
}

func sent(n int) time.Time { return start.Add(time.Duration(n) * 1_001 * time.Microsecond) }

// logWithDocker logs all messages of a container and ends, which sends the last of
// them. It returns the name of this host.
func logWithDocker(t *testing.T, url, token string, options map[string]string, line func(n int) string) string {
	t.Helper()
	config := map[string]string{
		"splunk-url": url, "splunk-token": token, "splunk-verify-connection": "true", "labels": "app",
	}
	maps.Copy(config, options)
	if err := dockersplunk.ValidateLogOpt(config); err != nil {
		t.Fatal(err)
	}
	driver, err := dockersplunk.New(logger.Info{
		Config: config, ContainerID: "0123456789abcdef0123456789abcdef", ContainerName: "/web",
		ContainerLabels: map[string]string{"app": "shop", "other": "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range messages {
		m := logger.NewMessage()
		m.Line, m.Source, m.Timestamp = append(m.Line, line(n)...), "stdout", sent(n)
		if err := driver.Log(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := driver.Close(); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return host
}
