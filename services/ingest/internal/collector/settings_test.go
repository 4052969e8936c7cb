package collector_test

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest/internal/collector"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func TestFromConfig(t *testing.T) {
	t.Parallel()
	rate := config.Rate{Requests: 7, Bytes: 8}
	c := &config.Config{Ingest: config.Ingest{Hold: time.Second, HEC: config.HEC{
		MaxBody: 1, MaxEvent: 2, MaxEvents: 3, MaxDepth: 4, TrustedProxies: []string{"10.1.2.3/8", "fd00::1"},
		Limits: config.Limits{Requests: 5, Compressed: 6, Upload: time.Minute, Connections: 9, Header: 9},
		Tokens: map[string]config.Token{
			"b": {Token: "tb"},
			"a": {
				Token: "ta", Disabled: true, Index: "i", Indexes: []string{"j"}, Source: "s", Sourcetype: "st", Host: "h",
				Fields: map[string]string{"k": "v"}, Allow: []string{"192.0.2.17"}, Ack: true, QueryStringAuth: true, SplitArrays: true, Rate: rate,
			},
		},
	}}}
	got, err := collector.FromConfig(c)
	want := collector.Settings{
		Hold: time.Second, MaxBody: 1, MaxEvent: 2, MaxEvents: 3, MaxDepth: 4, Requests: 5, Compressed: 6, Upload: time.Minute,
		TrustedProxies: []netip.Prefix{prefix("10.0.0.0/8"), prefix("fd00::1/128")},
		Tokens: []collector.Token{
			{
				Name: "a", Secret: "ta", Disabled: true, Index: "i", Indexes: []string{"j"}, Source: "s", Sourcetype: "st", Host: "h",
				Fields: map[string]string{"k": "v"}, Allow: []netip.Prefix{prefix("192.0.2.17/32")}, Ack: true, QueryAuth: true, SplitArrays: true, Rate: rate,
			},
			{Name: "b", Secret: "tb"},
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
	c.Ingest.HEC.TrustedProxies = []string{"proxy.example.com"}
	if _, err := collector.FromConfig(c); err == nil {
		t.Error("took a name for a network")
	}
	c.Ingest.HEC.TrustedProxies = nil
	c.Ingest.HEC.Tokens["b"] = config.Token{Allow: []string{"10.0.0.0/33"}}
	if _, err := collector.FromConfig(c); err == nil {
		t.Error("took a network that is none")
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	f.want("before", f.post(eventPath, plainToken, `{"event":"x"}`), 200, success)
	s := settings()
	s.Tokens = s.Tokens[1:]
	s.MaxEvents = 1
	f.door.Set(s)
	f.want("a token is gone", f.post(eventPath, plainToken, `{"event":"x"}`), 403, `{"text":"Invalid token","code":4}`)
	f.want("a bound is lower", f.post(eventPath, queryToken, `{"event":"x"}{"event":"x"}`), 400, invalid("1"))
}
