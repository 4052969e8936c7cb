package config_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

const everyDestinationKeyFile = `
destinations:
  every:
    type: splunk_hec
    urls: [https://a:8088, https://b:8088]
    token: s3cret
    when: kind == "app"
    endpoint: raw
    format: json
    indexed_fields: [app, "heroku_*", "metric_name:*"]
    indexes: [main, web]
    on_unknown_index: fallback
    fallback_index: main
    max_event: 1MB
    on_large_event: truncate
    max_bytes: 2GiB
    when_full: drop_oldest
    gzip: false
    gzip_level: 6
    timeout: 10s
    batch: {max_bytes: 2MB, max_events: 500, linger: 1s}
    concurrency: {max: 4, adaptive: false}
    retry: {initial: 1s, max: 1m, give_up_after: 24h}
    rate_limit: {requests: 10, events: 20000, bytes: 1MiB}
    ack: on
    ack_timeout: 2m
    proxy: http://user:p%40ss@proxy:3128
    health: {interval: 0}
    tls: {server_name: splunk, min_version: 1.3}
  shadow: {type: discard, indexed_fields: [], ack: off}
unrouted: drop
`

var everyDestinationKey = config.Destination{
	Type: config.TypeSplunkHEC, URLs: []string{"https://a:8088", "https://b:8088"}, Token: "s3cret", When: `kind == "app"`,
	Endpoint: config.EndpointRaw, Format: config.FormatJSON, IndexedFields: []string{"app", "heroku_*", "metric_name:*"},
	Indexes: []string{"main", "web"}, OnUnknownIndex: config.IndexFallback, FallbackIndex: "main",
	MaxEvent: 1e6, OnLargeEvent: config.LargeTruncate, MaxBytes: 2 << 30, WhenFull: config.FullDropOldest,
	GzipLevel: 6, Timeout: 10 * time.Second,
	Batch:       config.Batch{MaxBytes: 2e6, MaxEvents: 500, Linger: time.Second},
	Concurrency: config.Concurrency{Max: 4},
	Retry:       config.Retry{Initial: time.Second, Max: time.Minute, GiveUpAfter: 24 * time.Hour},
	RateLimit:   config.RateLimit{Requests: 10, Events: 20000, Bytes: 1 << 20},
	Ack:         config.AckOn, AckTimeout: 2 * time.Minute, Proxy: "http://user:p%40ss@proxy:3128",
	TLS: config.ClientTLS{ServerName: "splunk", MinVersion: "1.3"},
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := load(t, config.Loader{Files: []string{write(t, dir, "drainline.yaml", everyDestinationKeyFile)}})
	if diff := cmp.Diff(everyDestinationKey, c.Destinations["every"]); diff != "" {
		t.Errorf("destination (- wanted, + loaded):\n%s", diff)
	}
	if shadow := c.Destinations["shadow"]; len(shadow.IndexedFields) != 0 || shadow.Ack != config.AckOff {
		t.Errorf("destination shadow is %+v", shadow)
	}

	var printed bytes.Buffer
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(printed.String(), "token: '[redacted]'", "token: s3cret", 1)
	text = strings.Replace(text, "proxy: '[redacted]'", "proxy: http://user:p%40ss@proxy:3128", 1)
	again := load(t, config.Loader{Files: []string{write(t, dir, "printed.yaml", text)}})
	if c.SHA() != again.SHA() {
		t.Errorf("what is printed is not what was loaded:\n%s", cmp.Diff(c, again))
	}
}

// A shadow run needs no Splunk, and changes nothing but the type of a destination that has one.
func TestDiscard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "empty", "")
	for name, l := range map[string]config.Loader{
		"alone":       {Files: []string{write(t, dir, "alone.yaml", "destinations: {shadow: {type: discard}}")}},
		"environment": {Environ: []string{"DRAINLINE_DESTINATIONS__SHADOW__TYPE=discard"}},
		"established": {Environ: append([]string{"DRAINLINE_DESTINATIONS__SPLUNK__TYPE=discard"}, splunk...)},
		"a token":     {Flags: map[string]any{"destinations.shadow.type": "discard", "destinations.shadow.token": "t0ken"}},
		"an empty file": {Flags: map[string]any{
			"destinations.shadow.type": "discard", "destinations.shadow.token_file": filepath.Join(dir, "empty"),
		}},
		"later": {
			Files: []string{write(t, dir, "later.yaml", "destinations: {shadow: {}}")}, Flags: map[string]any{"destinations.shadow.type": "discard"},
		},
		"offline": {Files: []string{filepath.Join(dir, "alone.yaml")}, Offline: true},
	} {
		c := load(t, l)
		if err := c.RequireDestination(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, d := range c.Destinations {
			if d.Type != config.TypeDiscard || d.Batch.MaxEvents != 10000 {
				t.Errorf("%s: %+v", name, d)
			}
		}
	}
	got := problems(t, config.Loader{
		Files: []string{filepath.Join(dir, "alone.yaml")}, Flags: map[string]any{"destinations.shadow.type": "splunk_hec"},
	}, dir)
	want := []string{
		"destinations.shadow.token: is missing: give it or token_file (alone.yaml)",
		"destinations.shadow.urls: is missing (alone.yaml)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (- wanted, + found):\n%s", diff)
	}
}

func TestProxyFromFile(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{"http://a:b@proxy:3128\n": "http://a:b@proxy:3128", "none": config.ProxyNone, "\n": ""} {
		dir := t.TempDir()
		proxy := write(t, dir, "proxy", content)
		c := load(t, config.Loader{Flags: map[string]any{"destinations.a.type": "discard", "destinations.a.proxy_file": proxy}})
		if got := c.Destinations["a"].Proxy.Reveal(); got != want {
			t.Errorf("%q: the proxy is %q", content, got)
		}
	}
}

func TestWatchFollowsProxies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const file = "destinations: {a: {urls: [https://a], token: t, proxy: '%'}, b: {urls: [https://b], token: t, proxy_file: '%'}}"
	content := func(proxy string) string {
		return strings.Replace(strings.Replace(file, "%", proxy, 1), "%", filepath.Join(dir, "proxy"), 1)
	}
	write(t, dir, "proxy", "http://a:old@proxy")
	w := watch(t, config.Loader{Files: []string{write(t, dir, "drainline.yaml", content("http://a:old@proxy"))}})
	replace(t, dir, "drainline.yaml", content("http://a:new@proxy"))
	if got := w.next().Destinations["a"].Proxy.Reveal(); got != "http://a:new@proxy" {
		t.Errorf("the proxy is %s", got)
	}
	replace(t, dir, "proxy", "none")
	if got := w.next().Destinations["b"].Proxy.Reveal(); got != config.ProxyNone {
		t.Errorf("the proxy is %s", got)
	}
}
