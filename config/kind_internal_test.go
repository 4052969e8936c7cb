package config

import (
	"math/big"
	"strings"
	"testing"
	"time"
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
		"", "splunk:8088", "//splunk", "https://", "https://:8088", "ftp://splunk", "https://u@splunk", "https://u:p@splunk",
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

func TestURLPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"/": true, "/logs": true, "/heroku/api/v1/drain": true, "/a.b~c-d_e": true,
		"": false, "logs": false, "/logs/": false, "//logs": false, "/a/../b": false, "/{app}": false, "/a b": false, "/a?b": false,
	} {
		if got := isURLPath(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}
