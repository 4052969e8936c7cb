package config

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want Bytes
		out  string
	}{
		{"0", 0, "0"},
		{"1", 1, "1"},
		{"1000", 1000, "1kB"},
		{"1024", 1024, "1KiB"},
		{"1500", 1500, "1500"},
		{"1kB", 1000, "1kB"},
		{"1 kB", 1000, "1kB"},
		{"10KiB", 10240, "10KiB"},
		{"8MiB", 8 << 20, "8MiB"},
		{"1MB", 1e6, "1MB"},
		{"1000MB", 1e9, "1GB"},
		{"1024MiB", 1 << 30, "1GiB"},
		{"2TB", 2e12, "2TB"},
		{"3TiB", 3 << 40, "3TiB"},
		{"9223372036854775807", 1<<63 - 1, "9223372036854775807"},
	} {
		got, ok := parseBytes(c.in)
		if !ok || got != c.want || got.String() != c.out {
			t.Errorf("parseBytes(%q) = %d %v, printed as %s; want %d, printed as %s", c.in, got, ok, got, c.want, c.out)
		}
	}
	for _, in := range []string{
		"", "kB", "-1", "+1", "1.5MB", "1mb", "1 MB ", "1  MB", "1B", "0x10", "1e6", "9223372036854775808", "8388608TiB", "١MB",
	} {
		if got, ok := parseBytes(in); ok {
			t.Errorf("parseBytes(%q) = %d, want none", in, got)
		}
	}
}

// plainBytes reads a size without thinking of overflow.
func plainBytes(s string) *big.Int {
	factor := big.NewInt(1)
	for unit, size := range map[string]int64{
		"kB": 1000, "MB": 1000_000, "GB": 1000_000_000, "TB": 1000_000_000_000,
		"KiB": 1024, "MiB": 1048576, "GiB": 1073741824, "TiB": 1099511627776,
	} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			s, factor = strings.TrimSuffix(number, " "), big.NewInt(size)
			break
		}
	}
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return nil
	}
	n, _ := new(big.Int).SetString(s, 10)
	if n = n.Mul(n, factor); !n.IsInt64() {
		return nil
	}
	return n
}

func FuzzBytes(f *testing.F) {
	for _, s := range []string{"0", "8MiB", "1 MB", "9223372036854775807", "8388608TiB", "1.5GB", "-1", "GB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseBytes(s)
		want := plainBytes(s)
		if ok != (want != nil) || ok && int64(got) != want.Int64() {
			t.Errorf("parseBytes(%q) = %d %v, want %v", s, got, ok, want)
		}
		if again, ok2 := parseBytes(got.String()); !ok2 || again != got {
			t.Errorf("%d is printed as %s and read as %d", got, got, again)
		}
	})
}

func TestFormatDuration(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0s": 0, "4s": 4 * time.Second, "4.5s": 4500 * time.Millisecond, "10s": 10 * time.Second,
		"1m": time.Minute, "10m": 10 * time.Minute, "1m10s": 70 * time.Second, "336h": 336 * time.Hour,
		"1h0m10s": time.Hour + 10*time.Second, "1h10m": 70 * time.Minute, "20h": 20 * time.Hour,
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v is written as %s, want %s", d, got, want)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		":8080": true, "127.0.0.1:0": true, "localhost:9600": true, "[::1]:80": true, "[fe80::1%eth0]:80": true,
		"my_host.example.com:65535": true,
		"":                          false, "8080": false, ":": false, ":65536": false, ":http": false, ":080": false, "a b:80": false,
		"::1:80": false, "http://a:80": false, "a:80/x": false, "-a:80": false,
	} {
		if got := address().fits(in); got != want {
			t.Errorf("%q fits: %v, want %v", in, got, want)
		}
	}
}

func TestCollectorURLs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://splunk:8088":                                   "https://splunk:8088",
		"https://splunk:8088/":                                  "https://splunk:8088",
		"HTTP://splunk":                                         "http://splunk",
		"https://splunk/services/collector":                     "https://splunk",
		"https://splunk/services/collector/":                    "https://splunk",
		"https://splunk/services/collector/event":               "https://splunk",
		"https://splunk:8088/services/collector/event/1.0":      "https://splunk:8088",
		"https://splunk/services/collector/raw/1.0":             "https://splunk",
		"https://proxy/splunk%2Feu/services/collector":          "https://proxy/splunk%2Feu",
		"https://proxy/hec/":                                    "https://proxy/hec",
		"https://proxy/services/collectors":                     "https://proxy/services/collectors",
		"https://[::1]:8088/services/collector":                 "https://[::1]:8088",
		"https://http-inputs-acme.splunkcloud.com:443/services": "https://http-inputs-acme.splunkcloud.com:443/services",
	} {
		got, ok := collectorURLs().parse(in)
		if list, _ := got.([]string); !ok || len(list) != 1 || list[0] != want {
			t.Errorf("%s becomes %v, want %s", in, got, want)
		}
	}
	for _, in := range []string{
		"splunk:8088", "//splunk", "https://", "https://:8088", "ftp://splunk", "https://u@splunk", "https://u:p@splunk",
		"https://splunk?a=b", "https://splunk?", "https://splunk#", "https://splunk:", "https://splunk:port", "https://splunk:70000",
		"https://sp lunk", "https://a,https://a/", "https://a,",
	} {
		if got, ok := collectorURLs().parse(in); ok {
			t.Errorf("%q becomes %v, want none", in, got)
		}
	}
}

func TestNatsURLs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"nats://127.0.0.1:4222": true, "nats://a,nats://b:4222": true, "tls://a": true, "wss://a:443": true,
		"": false, "a:4222": false, "http://a": false, "nats://u:p@a": false, "nats://a,": false, "nats://a,u@b": false,
	} {
		if got := natsURLs().fits(in); got != want {
			t.Errorf("%q fits: %v, want %v", in, got, want)
		}
	}
}

func TestFieldMap(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]map[string]string{
		"":                   nil,
		"a=b":                {"a": "b"},
		"a=b, c=d=e":         {"a": "b", "c": "d=e"},
		"team.name=,a:b-_=c": {"team.name": "", "a:b-_": "c"},
	} {
		got, ok := fieldMap().parse(in)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%q fits: %v, and is (- wanted, + got):\n%s", in, ok, diff)
		}
		if again, ok := fieldMap().parse(got); !ok || !cmp.Equal(again, got) {
			t.Errorf("%v is not taken as it is", got)
		}
	}
	for _, in := range []any{
		"a", "=b", "a=b,", "a=b,a=c", "a b=c", strings.Repeat("a", 65) + "=b", "a=" + strings.Repeat("b", 1001), "a=\xff", "a=\n1", 1, nil,
		[]any{"a=b"},
		map[any]any{1: "a"},
		map[string]any{"a": 1},
		map[string]any{"a": nil},
		map[string]any{"a": map[string]any{}},
	} {
		if got, ok := fieldMap().parse(in); ok {
			t.Errorf("%v is %v, want none", in, got)
		}
	}
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	noon := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	for in, want := range map[any]time.Time{
		"":                                {},
		time.Time{}:                       {},
		"2024-05-01T12:00:00Z":            noon,
		"2024-05-01T14:00:00+02:00":       noon,
		"2024-05-01T12:00:00.123456789Z":  noon.Add(123456789),
		noon.In(time.FixedZone("", 3600)): noon,
	} {
		if got, ok := timestamp().parse(in); !ok || got != want {
			t.Errorf("%v is %v %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []any{
		"2024-05-01", "2024-05-01 12:00:00", "12:00", "1714564800", 1714564800, nil, "2024-13-01T00:00:00Z",
		"1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z", time.Unix(-1, 0),
	} {
		if got, ok := timestamp().parse(in); ok {
			t.Errorf("%v is %v, want none", in, got)
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.1.2.3/8": "10.0.0.0/8", "192.0.2.17": "192.0.2.17/32", "::1": "::1/128", "2001:DB8::1/32": "2001:db8::/32",
		"::ffff:192.0.2.17": "192.0.2.17/32", "0.0.0.0/0": "0.0.0.0/0",
	} {
		got, ok := networks().parse(in)
		if list, _ := got.([]string); !ok || len(list) != 1 || list[0] != want {
			t.Errorf("%s becomes %v, want %s", in, got, want)
		}
	}
	for _, in := range []string{
		"10.0.0.0/33", "10.0.0", "10.0.0.256", "host", "*", "!10.0.0.1", "::ffff:192.0.2.0/120", "fe80::1%eth0", "10.0.0.1,10.0.0.1/32", "10.0.0.1,",
	} {
		if got, ok := networks().parse(in); ok {
			t.Errorf("%q becomes %v, want none", in, got)
		}
	}
}

func TestTLSVersion(t *testing.T) {
	t.Parallel()
	for in, want := range map[any]bool{"1.2": true, 1.2: true, "1.3": true, 1.3: true, "1": false, 1: false, 1.1: false, "TLS 1.2": false, "": false} {
		if got := tlsVersion().fits(in); got != want {
			t.Errorf("%v fits: %v, want %v", in, got, want)
		}
	}
}

func TestProxyURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"none": true, "": true, "http://proxy": true, "http://proxy:3128": true, "https://proxy:3128/": true, "socks5://10.0.0.1:1080": true,
		"http://user:p%40ss@proxy:3128": true, "HTTP://[::1]:3128": true, "http://user@proxy": true,
		"None": false, "proxy:3128": false, "//proxy": false, "http://": false, "http://:3128": false, "http://proxy:": false,
		"http://proxy:99999": false, "http://proxy/path": false, "http://proxy?a=b": false, "http://proxy#a": false,
		"ftp://proxy": false, "socks4://proxy": false, "http://us er:a@proxy": false, "http://a, http://b": false, redacted: false,
	} {
		if got := proxyURL().fits(in); got != want {
			t.Errorf("%q fits: %v, want %v", in, got, want)
		}
	}
}

// go-yaml speaks YAML 1.2, where on and off are text; others write what 1.1 makes of them.
func TestAcknowledgement(t *testing.T) {
	t.Parallel()
	for in, want := range map[any]string{"auto": AckAuto, "on": AckOn, "off": AckOff, true: AckOn, false: AckOff} {
		if got, ok := acknowledgement().parse(in); !ok || got != want {
			t.Errorf("%v is %v %v, want %s", in, got, ok, want)
		}
	}
	for _, in := range []any{"", "On", "true", 1, nil} {
		if got, ok := acknowledgement().parse(in); ok {
			t.Errorf("%v is %v, want none", in, got)
		}
	}
}

func TestDurationOrZero(t *testing.T) {
	t.Parallel()
	for in, want := range map[any]bool{
		"0": true, 0: true, "0s": true, time.Duration(0): true, "1s": true, "1m": true, "61s": false, "999ms": false, "-1s": false, 5: false, "": false,
	} {
		if got := durationOrZero(time.Second, time.Minute).fits(in); got != want {
			t.Errorf("%v fits: %v, want %v", in, got, want)
		}
	}
}

func TestIndexedGlob(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"*": true, "app": true, "heroku_*": true, "metric_name:*": true, "a.b-c": true, strings.Repeat("a", 64): true,
		"": false, "a b": false, "ä": false, "a?": false, strings.Repeat("a", 65): false,
	} {
		if got := indexedGlob.MatchString(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestIndexName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"main": true, "_internal": true, "a-1_b": true, "1": true, strings.Repeat("a", 255): true,
		"": false, "-a": false, "Main": false, "a b": false, "a.b": false, strings.Repeat("a", 256): false,
	} {
		if got := indexName().fits(in); got != want {
			t.Errorf("%q fits: %v, want %v", in, got, want)
		}
	}
}

func TestURLPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"/": true, "/logs": true, "/heroku/api/v1/drain": true, "/a.b~c-d_e": true,
		"": false, "logs": false, "/logs/": false, "/healthz": false, "//logs": false, "/a/../b": false, "/{app}": false, "/a b": false, "/a?b": false,
	} {
		if got := isURLPath(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}
