package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?$`)

	// Splunk's HTTP Event Collector lives under this path, and people copy URLs
	// with and without it, or with one of the endpoints below it.
	collectorPath = regexp.MustCompile(`/services/collector(/.*)?$`)
)

// address is what a listener binds: port 0 lets the system choose.
func address() kind {
	return text("an address as host:port, such as 127.0.0.1:8080 or :8080", func(s string) bool {
		host, port, err := net.SplitHostPort(s)
		if err != nil || !isPort(port) {
			return false
		}
		return host == "" || isHost(host)
	})
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == s
}

// isHost takes host names and IP addresses, IPv6 with a zone and without brackets.
func isHost(s string) bool {
	ip, _, _ := strings.Cut(s, "%")
	return net.ParseIP(ip) != nil || hostName.MatchString(s)
}

// networks are kept as CIDR with nothing set beyond the mask, a single address
// as a network of its own.
func networks() kind {
	return listOf("a list of different networks in CIDR notation or addresses", 0, func(s string) (string, bool) {
		if address, err := netip.ParseAddr(s); err == nil {
			s = address.Unmap().String() + "/" + strconv.Itoa(address.Unmap().BitLen())
		}
		network, err := netip.ParsePrefix(s)
		return network.Masked().String(), err == nil && !network.Addr().Is4In6()
	})
}

// httpURL drops a slash at the end, so that paths can be appended.
func httpURL() kind {
	return normalised("an HTTP or HTTPS URL with a host and without user, query or fragment", func(s string) (string, bool) {
		u, ok := parseURL(s, "http", "https")
		return baseURL(u, u.EscapedPath()), ok
	})
}

// otlpURL is where OpenTelemetry's data are sent. It drops a slash at the end.
func otlpURL() kind {
	const rule = "a URL such as http://127.0.0.1:4318 (OTLP over HTTP, also https://) or grpc://127.0.0.1:4317 (gRPC, with TLS grpcs://), " +
		"without user, query or fragment"
	return normalised(rule, func(s string) (string, bool) {
		u, ok := parseURL(s, "http", "https", "grpc", "grpcs")
		if !ok || strings.HasPrefix(u.Scheme, "grpc") && (strings.Trim(u.Path, "/") != "" || u.Port() == "") {
			return "", false
		}
		return baseURL(u, u.EscapedPath()), true
	})
}

// collectorURLs are URLs of Splunks that take events, without the collector's
// path, which Drainline adds.
func collectorURLs() kind {
	const rule = "a list of different HTTP or HTTPS URLs with a host and without user, query or fragment"
	return listOf(rule, 0, func(s string) (string, bool) {
		u, ok := parseURL(s, "http", "https")
		return baseURL(u, collectorPath.ReplaceAllString(u.EscapedPath(), "")), ok
	})
}

func baseURL(u *url.URL, path string) string {
	return u.Scheme + "://" + u.Host + strings.TrimRight(path, "/")
}

// natsURLs is one NATS server or several of a cluster, with commas between
// them. A user in the URL would be printed by whoever prints the URL.
func natsURLs() kind {
	const rule = "nats://, tls://, ws:// or wss:// URLs with commas between them, without user (see bus.creds_file and bus.nkey)"
	return text(rule, func(s string) bool {
		for one := range strings.SplitSeq(s, ",") {
			if _, ok := parseURL(one, "nats", "tls", "ws", "wss"); !ok {
				return false
			}
		}
		return true
	})
}

// proxyURL is how a connection to an endpoint is made. It is a secret, since a proxy may want a
// user and a password.
func proxyURL() kind {
	const rule = "none or the URL of a proxy, http://, https:// or socks5://, with a host and without path, query or fragment"
	return secret(rule, func(s string) bool {
		u, ok := parseURLWithUser(s, "http", "https", "socks5")
		return s == ProxyNone || ok && strings.Trim(u.Path, "/") == ""
	})
}

func parseURL(s string, schemes ...string) (*url.URL, bool) {
	u, ok := parseURLWithUser(s, schemes...)
	return u, ok && u.User == nil
}

func parseURLWithUser(s string, schemes ...string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return &url.URL{}, false
	}
	if strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()) || !isHost(u.Hostname()) {
		return &url.URL{}, false
	}
	return u, slices.Contains(schemes, u.Scheme)
}
