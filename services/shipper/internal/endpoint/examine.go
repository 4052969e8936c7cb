package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/checkup"
	"github.com/drainline/drainline/services/internal/hec"
)

const (
	// mostAddresses of one name are connected to.
	mostAddresses = 16
	// shownAddresses of one name are shown.
	shownAddresses = 4
)

// Examination is what was found out about one URL, step by step. What a step needs that has
// failed is not tried.
type Examination struct {
	URL      string // as configured
	Findings []checkup.Finding
	// Ahead is how far the clock of who answered is ahead of ours, at least: what a second
	// and the way there may account for is left out. Zero when it is right, or unknown.
	Ahead time.Duration
	// Dated says that an answer had the time.
	Dated bool
}

// Examine looks at every URL as requests with events would find it: its name, its port, its
// certificate, its health and its token. With send, one event is sent to each.
func (c *Client) Examine(ctx context.Context, send bool) []Examination {
	all := make([]Examination, len(c.balancer.targets))
	var running sync.WaitGroup
	for i, t := range c.balancer.targets {
		running.Go(func() {
			x := &examiner{Examination: Examination{URL: t.base}, client: c, target: t, transport: c.transports.shared()}
			defer x.transport.CloseIdleConnections()
			x.run(ctx, send)
			all[i] = x.Examination
		})
	}
	running.Wait()
	return all
}

// examiner looks at one URL.
type examiner struct {
	Examination

	client    *Client
	target    *target
	transport *http.Transport
	proxy     *url.URL // nil without one
	handshake handshake
}

// handshake is the last one on the way to a URL.
type handshake struct {
	mu    sync.Mutex
	begun bool
	state tls.ConnectionState
	err   error
}

func (x *examiner) good(check, found string) {
	x.Findings = append(x.Findings, checkup.Finding{Check: check, State: checkup.Good, Found: found})
}

func (x *examiner) warn(check, found, fix string) {
	x.Findings = append(x.Findings, checkup.Finding{Check: check, State: checkup.Warning, Found: found, Fix: fix})
}

func (x *examiner) fail(check, found, fix string) {
	x.Findings = append(x.Findings, checkup.Finding{Check: check, State: checkup.Failed, Found: bounded(found), Fix: fix})
}

func (x *examiner) run(ctx context.Context, send bool) {
	if x.way() && x.network(ctx) && x.health(ctx) && x.token(ctx) && send {
		x.event(ctx)
	}
}

// way finds out whether a proxy is on the way.
func (x *examiner) way() bool {
	if x.client.transports.proxy == nil {
		return true
	}
	proxy, err := x.client.transports.proxy(&http.Request{URL: x.target.event})
	if err != nil {
		x.fail("proxy", "what the environment names as a proxy is no URL", "correct HTTPS_PROXY or HTTP_PROXY, or set the destination's proxy")
		return false
	}
	if x.proxy = proxy; proxy != nil {
		x.good("proxy", "by "+proxy.Host)
	}
	return true
}

// network looks up and connects to the URL's host, or to the proxy.
func (x *examiner) network(ctx context.Context) bool {
	u, where := x.target.event, "the destination's urls"
	if x.proxy != nil {
		u, where = x.proxy, "the proxy's URL"
	}
	addresses, ok := x.resolve(ctx, u.Hostname(), where)
	return ok && x.connect(ctx, addresses, portOf(u), where)
}

func (x *examiner) resolve(ctx context.Context, host, where string) ([]netip.Addr, bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, true
	}
	ctx, cancel := context.WithTimeout(ctx, x.client.timeout)
	defer cancel()
	addresses, err := x.client.transports.dial.lookup(ctx, host)
	if err != nil || len(addresses) == 0 {
		fix := "see that this machine's DNS server answers"
		if missing, ok := errors.AsType[*net.DNSError](err); err == nil || ok && missing.IsNotFound {
			fix = "correct the name in " + where + ", or have DNS know it"
		}
		x.fail("dns", fmt.Sprintf("%s has no address: %v", host, err), fix)
		return nil, false
	}
	shown := make([]string, 0, shownAddresses)
	for _, a := range addresses[:min(len(addresses), shownAddresses)] {
		shown = append(shown, a.Unmap().String())
	}
	more := ""
	if n := len(addresses) - shownAddresses; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	x.good("dns", host+" is "+strings.Join(shown, ", ")+more)
	return addresses[:min(len(addresses), mostAddresses)], true
}

// connect tries every address: requests are spread over all.
func (x *examiner) connect(ctx context.Context, addresses []netip.Addr, port, where string) bool {
	failures, took := make([]error, len(addresses)), make([]time.Duration, len(addresses))
	var dials sync.WaitGroup
	for i, a := range addresses {
		dials.Go(func() {
			begun := time.Now()
			conn, err := x.client.transports.dial.connect(ctx, "tcp", net.JoinHostPort(a.Unmap().String(), port))
			took[i], failures[i] = time.Since(begun), err
			if err == nil {
				_ = conn.Close() // it was a question
			}
		})
	}
	dials.Wait()
	failed, last, slowest := 0, error(nil), time.Duration(0)
	for i, err := range failures {
		if err != nil {
			failed, last = failed+1, err
		} else {
			slowest = max(slowest, took[i])
		}
	}
	switch failed {
	case 0:
		x.good("tcp", fmt.Sprintf("port %s, connected in %v", port, slowest.Round(10*time.Microsecond)))
		return true
	case len(addresses):
		fix := "start what listens there, or correct the port in " + where
		if timeout, ok := errors.AsType[net.Error](last); ok && timeout.Timeout() {
			fix = "let the firewall pass connections to port " + port + ", or correct " + where
		}
		x.fail("tcp", last.Error(), fix)
		return false
	default:
		x.warn("tcp", fmt.Sprintf("%d of %d addresses take no connections: %s", failed, len(addresses), bounded(last.Error())),
			"start what listens there, or take the addresses out of DNS")
		return true
	}
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	switch u.Scheme {
	case "https":
		return "443"
	case "socks5", "socks5h":
		return "1080"
	}
	return "80"
}

// health asks the health endpoint, over a connection of which the handshake is looked at.
func (x *examiner) health(ctx context.Context) bool {
	ctx = httptrace.WithClientTrace(ctx, x.handshake.trace())
	ask := call{method: http.MethodGet, url: x.target.health, header: http.Header{"User-Agent": {userAgent(x.client.version)}}}
	begun := x.client.now()
	o := ask.do(ctx, x.transport, x.client.timeout)
	if !x.tls(&o) {
		return false
	}
	if o.status == 0 {
		x.fail("health", o.err.Error(), x.unansweredFix(o.err))
		return false
	}
	x.time(o.header.Get("Date"), begun, x.client.now())
	switch answer, err := hec.ParseAnswer(o.body); {
	case o.status == http.StatusOK && err == nil:
		x.good("health", fmt.Sprintf("%s (code %d)", bounded(answer.Text), answer.Code))
	case o.status == http.StatusOK:
		x.warn("health", "HTTP status 200, but "+bounded(err.Error()),
			"see that the destination's urls name Splunk's HTTP Event Collector and not something before it")
	case o.status == http.StatusServiceUnavailable && err == nil:
		x.fail("health", fmt.Sprintf("HTTP status 503: %s (code %d)", answer.Text, answer.Code),
			"look at Splunk's queues and indexers: Drainline keeps the events and sends them when it is well")
	case o.status == http.StatusServiceUnavailable:
		x.fail("health", "HTTP status 503", "start the collectors behind the load balancer, or wait until they are well")
	default:
		x.warn("health", fmt.Sprintf("HTTP status %d of the health endpoint", o.status),
			"have what is before Splunk pass /services/collector/health; not needed with one URL")
	}
	return true
}

// unansweredFix is for a URL to which one can connect, and which does not answer.
func (x *examiner) unansweredFix(err error) string {
	switch {
	case x.proxy != nil:
		return "see that the proxy lets this machine through to the destination's urls, and that its user and password are right"
	case x.target.event.Scheme == "http" && strings.Contains(err.Error(), "malformed HTTP response"):
		return "write https:// in the destination's urls: the port does not speak HTTP"
	}
	return "see what listens there: it is no HTTP Event Collector that answers"
}

// token asks with an empty request, as Probe does.
func (x *examiner) token(ctx context.Context) bool {
	c := x.client
	ask := call{method: http.MethodPost, url: x.target.place(&c.empty), header: c.headers.of(&c.empty), data: c.empty.Body}
	o := ask.do(ctx, x.transport, c.timeout)
	answer, err := classify(x.target.base, &o, false, c.now())
	if refused, ok := errors.AsType[*RefusedError](err); ok && !refused.TooLarge() {
		if c.ack == config.AckOn {
			if err := c.probeAck(ctx, x.target, x.transport); err != nil {
				x.fail("token", err.Error(), "enable indexer acknowledgement for the token in Splunk, or set the destination's ack to auto")
				return false
			}
		}
		x.good("token", fmt.Sprintf("good: an empty request is answered with %s (code %d)", bounded(answer.Text), answer.Code))
		return true
	}
	if err == nil {
		x.warn("token", "an empty request is answered with success, which Splunk does not do",
			"see that the destination's urls lead to Splunk, and not to what answers success to anything")
		return true
	}
	said := strings.TrimPrefix(err.Error(), x.target.base+": ")
	x.fail("token", said, tokenFix(o.status, answer.Code))
	return false
}

// tokenFix is what to do about the answer to an empty request.
func tokenFix(status int, c hec.Code) string {
	switch {
	case c == hec.TokenDisabled, c == hec.HealthTokenDisabled:
		return "enable the token in Splunk: Settings > Data inputs > HTTP Event Collector, and Global Settings there"
	case c == hec.TokenRequired, c == hec.InvalidAuthorization:
		return "see that nothing between here and Splunk takes away the Authorization header"
	case isAboutToken(c), status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "set the destination's token to the value of a token of this Splunk's HTTP Event Collector"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, isRedirect(status):
		return "correct the destination's urls: they name the HTTP Event Collector, commonly port 8088, not Splunk Web"
	case status == http.StatusProxyAuthRequired:
		return "give the destination's proxy a user and a password"
	case status == http.StatusUnsupportedMediaType:
		return "set the destination's gzip to false"
	case isBusy(c), status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		return "look at Splunk's queues: it takes nothing for the time being, and Drainline keeps the events meanwhile"
	}
	return "see what stands between here and Splunk: this is no answer of the HTTP Event Collector to an empty request"
}

// event sends one event, for which Splunk chooses the index.
func (x *examiner) event(ctx context.Context) {
	c := x.client
	const text = "drainline doctor: a test event, sent to see that events arrive"
	r := Request{Raw: c.empty.Raw, Gzip: c.empty.Gzip, Body: []byte(text)}
	if r.Raw {
		r.Query = url.Values{"sourcetype": {"drainline:doctor"}, "source": {"drainline"}}.Encode()
	} else {
		r.Body = hec.AppendEvent(nil, &wire.Event{
			TimeNS: c.now().UnixNano(), Source: "drainline", Sourcetype: "drainline:doctor", Text: []byte(text),
		})
	}
	if r.Gzip {
		r.Body = zipped(r.Body)
	}
	receipt, o, err := c.post(ctx, x.target, &r)
	switch {
	case err == nil && receipt.Session != nil:
		x.good("event", fmt.Sprintf("taken: look for sourcetype=drainline:doctor (to be acknowledged as %d)", receipt.Answer.AckID))
	case err == nil:
		x.good("event", "taken: look for sourcetype=drainline:doctor")
	case receipt.Answer.Code == hec.IncorrectIndex:
		x.fail("event", strings.TrimPrefix(err.Error(), x.target.base+": "),
			"give the token a default index that exists and that it may use")
	default:
		x.fail("event", strings.TrimPrefix(err.Error(), x.target.base+": "), tokenFix(o.status, receipt.Answer.Code))
	}
}

// time compares the date of an answer with the clock. It is cut to seconds.
func (x *examiner) time(date string, begun, ended time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	x.Dated = true
	switch {
	case at.After(ended):
		x.Ahead = at.Sub(ended)
	case at.Add(time.Second).Before(begun):
		x.Ahead = at.Add(time.Second).Sub(begun)
	}
}
