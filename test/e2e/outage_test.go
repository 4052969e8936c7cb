package e2e

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outageEnv sets how long NATS is away in TestOutageWithSpool: 60s is what is
// promised, the default what is quick.
const (
	outageEnv     = "DRAINLINE_E2E_OUTAGE"
	outageDefault = 10 * time.Second
)

// Load beside outages.
const (
	outageDrains = 8
	outageFrames = 20
	outageRate   = 2000
)

// accepts says whether a connection can be made.
func accepts(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// outage takes the bus away until the function it returns is called.
func (d *deployment) outage() (end func()) {
	d.t.Helper()
	d.processes["nats-server"].signal(syscall.SIGTERM)
	d.processes["nats-server"].exit()
	return func() {
		d.t.Helper()
		d.processes["nats-server"] = d.processes["nats-server"].again()
		d.processes["nats-server"].line(`.* Server is ready`)
	}
}

// load sends for that long, and returns when that is under way.
func (d *deployment) load(url string, length time.Duration) *sender {
	d.t.Helper()
	s := send(d.t, url, "--drains", strconv.Itoa(outageDrains), "--frames", strconv.Itoa(outageFrames),
		"--rate", strconv.Itoa(outageRate), "--for", length.String(), "--no-loss-reports")
	eventually(d.t, "something is accepted", func() bool { return lines(s.ledger) > outageRate/4 })
	return s
}

// nothingRefused says that every request was accepted at its first try.
func (s *sender) nothingRefused() {
	s.t.Helper()
	s.line(`retried    0 requests, 0 connections refused, 0 answers Logplex cannot read`)
}

// settled waits until all is delivered and compares the books: nothing is lost,
// and nothing twice.
func (d *deployment) settled(accepted ledger) {
	d.t.Helper()
	d.bus.settle()
	d.processes["ingest"].stop()
	books(d.t, accepted, d.splunk.indexed(), 0)
}

// With a spool nobody notices that the bus is away.
func TestOutageWithSpool(t *testing.T) {
	t.Parallel()
	length := outageDefault
	if set := os.Getenv(outageEnv); set != "" {
		var err error
		if length, err = time.ParseDuration(set); err != nil {
			t.Fatalf("%s: %v", outageEnv, err)
		}
	}
	d := apart(t, "ingest.spool.dir="+t.TempDir(), "ingest.spool.max_bytes=1GiB")
	s := d.load(d.url, length+4*time.Second)
	end := d.outage()
	<-time.After(length)
	end()
	accepted := s.accepted()
	s.nothingRefused()
	t.Logf("%s", &s.stdout)
	if n := len(accepted); n < int(length.Seconds())*outageRate {
		t.Errorf("%d were accepted in %v", n, length)
	}
	d.processes["ingest"].line(`.*the spool is empty again.*`)
	if n := strings.Count(d.processes["ingest"].stderr.String(), "\n"); n > 20 {
		t.Errorf("ingest logs %d lines about one outage", n)
	}
	d.settled(accepted)
}

// What is in the spool when ingest stops is delivered by the next.
func TestSpoolOutlivesIngest(t *testing.T) {
	t.Parallel()
	d := apart(t, "ingest.spool.dir="+t.TempDir(), "ingest.spool.max_bytes=1GiB")
	s := d.load(d.url, 2*time.Second)
	end := d.outage()
	accepted := s.accepted()
	s.nothingRefused()
	d.processes["ingest"].stop()
	d.processes["ingest"].line(`.*blocks stay in the spool until the next start.*`)
	end()
	d.processes["ingest"] = d.processes["ingest"].again().ready()
	d.processes["ingest"].line(`.*the spool is empty again.*`)
	d.settled(accepted)
}

// Ingest starts although the bus is away, if it has a spool.
func TestStartWithoutTheBus(t *testing.T) {
	t.Parallel()
	d := apart(t, "ingest.spool.dir="+t.TempDir(), "bus.connect_timeout=1s")
	d.processes["ingest"].stop()
	end := d.outage()
	d.processes["ingest"] = d.processes["ingest"].again().ready()
	s := d.load(d.url, 2*time.Second)
	accepted := s.accepted()
	s.nothingRefused()
	end()
	d.processes["ingest"].line(`.*the spool is empty again.*`)
	d.settled(accepted)
}

// Behind a proxy the door opens although the bus is away: requests are answered as long as
// that lasts, 503 after hold, and the one that is held when it comes is stored. What was
// refused may be stored, too: Logplex' next try is known then.
func TestStartBehindProxyWithoutTheBus(t *testing.T) {
	t.Parallel()
	nats, url := startNATS(t, "")
	nats.stop()
	ingest := service(t, "ingest", "bus.url="+url, "ingest.behind_proxy=true", "bus.connect_timeout=100ms").start(t).ready()
	ingest.line(`bus +is away: .*`)
	drain := ingest.drainURL(secret)
	if got := post(t, drain, frame("early\n"), "Logplex-Frame-Id", "1"); got != http.StatusServiceUnavailable {
		t.Errorf("answered %d without the bus", got)
	}
	held := make(chan int)
	go func() {
		defer close(held)
		held <- post(t, drain, frame("held\n"), "Logplex-Frame-Id", "2")
	}()
	nats.again().line(`.* Server is ready`)
	if got := <-held; got != http.StatusNoContent {
		t.Errorf("answered %d when the bus came", got)
	}
	mustPost(t, drain, frame("early\n"), "Logplex-Frame-Id", "1")
	s, err := lookAt(t, url).js.Stream(t.Context(), "drainline_raw_s0")
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 2 {
		t.Errorf("%d blocks are on the bus", n)
	}
}

// An ingest with a spool that is up before the bus makes its streams when that
// comes.
func TestStartBeforeTheBus(t *testing.T) {
	t.Parallel()
	nats, url := startNATS(t, "")
	nats.stop()
	ingest := service(t, "ingest", "bus.url="+url, "ingest.spool.dir="+t.TempDir(), "bus.connect_timeout=100ms").start(t).ready()
	mustPost(t, ingest.drainURL(secret), frame("early\n"))
	nats = nats.again()
	nats.line(`.* Server is ready`)
	ingest.line(`.*the spool is empty again.*`)
	s, err := lookAt(t, url).js.Stream(t.Context(), "drainline_raw_s0")
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 1 {
		t.Errorf("%d blocks are on the bus", n)
	}
}

// A bus that comes back empty gets its streams again, and what was changed while
// it was away is in force at once.
func TestBusThatLostItsDisk(t *testing.T) {
	t.Parallel()
	nats, url := startNATS(t, "")
	ingest := service(t, "ingest", "bus.url="+url, "ingest.spool.dir="+t.TempDir())
	file := filepath.Join(ingest.dir, "drainline.yaml")
	replaceFile(t, file, "ingest: {logplex: {credentials: {a: {secret: first}}}}\n")
	ingest.env, ingest.args = nil, append(ingest.args, "--config", file)
	p := ingest.start(t).ready()
	mustPost(t, p.drainURL("first"), frame("before\n"))
	nats.stop()
	if err := os.RemoveAll(filepath.Join(filepath.Dir(nats.args[1]), "data")); err != nil {
		t.Fatal(err)
	}
	replaceFile(t, file, "ingest: {logplex: {credentials: {a: {secret: second}}}}\n")
	eventually(t, "the second secret is good", func() bool {
		return post(t, p.drainURL("second"), frame("meanwhile\n"), "Logplex-Frame-Id", "2") == http.StatusNoContent
	})
	nats.again().line(`.* Server is ready`)
	p.line(`.*the spool is empty again.*`)
	mustPost(t, p.drainURL("second"), frame("after\n"), "Logplex-Frame-Id", "3")
	bus := lookAt(t, url)
	eventually(t, "all is on the bus", func() bool {
		s, err := bus.js.Stream(t.Context(), "drainline_raw_s0")
		return err == nil && s.CachedInfo().State.Msgs >= 2
	})
}

// Without a proxy and without a spool the listener closes, which costs Logplex
// no try, and comes back.
func TestOutageWithoutProxy(t *testing.T) {
	t.Parallel()
	d := apart(t)
	s := d.load(d.url, 8*time.Second)
	address := host(t, d.url)
	end := d.outage()
	eventually(t, "connections are refused", func() bool { return !accepts(address) })
	end()
	eventually(t, "connections are accepted", func() bool { return accepts(address) })
	d.settled(s.accepted())
}

func host(t *testing.T, drain string) string {
	t.Helper()
	u, err := url.Parse(drain)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// Behind a proxy, with a spool: every request is taken at once.
func TestOutageBehindProxyWithSpool(t *testing.T) {
	t.Parallel()
	d := apart(t, "ingest.behind_proxy=true", "ingest.spool.dir="+t.TempDir(), "ingest.spool.max_bytes=1GiB")
	n := proxy(t, d.url)
	s := d.load(n.url, 6*time.Second)
	end := d.outage()
	<-time.After(3 * time.Second)
	end()
	accepted := s.accepted()
	s.nothingRefused()
	if got := n.answers(); len(got) != 1 || got["204 204"] == 0 {
		t.Errorf("nginx answered %v", got)
	}
	d.settled(accepted)
}

// Behind a proxy, without a spool: an outage that is shorter than hold is only
// noticed as a pause.
func TestShortOutageBehindProxy(t *testing.T) {
	t.Parallel()
	d := apart(t, "ingest.behind_proxy=true")
	n := proxy(t, d.url)
	s := d.load(n.url, 5*time.Second)
	d.outage()()
	accepted := s.accepted()
	if got := n.answers(); got["204 204"] == 0 || got["502 502"] > 0 {
		t.Errorf("nginx answered %v", got)
	}
	d.settled(accepted)
}

// Behind a proxy, without a spool: in an outage longer than hold it is ingest
// that answers, never the proxy in its place, and nothing that it accepted is lost.
func TestLongOutageBehindProxy(t *testing.T) {
	t.Parallel()
	d := apart(t, "ingest.behind_proxy=true", "ingest.hold=1s")
	n := proxy(t, d.url)
	s := d.load(n.url, 8*time.Second)
	end := d.outage()
	eventually(t, "requests are refused", func() bool { return n.answers()["503 503"] > outageDrains })
	if !accepts(host(t, d.url)) {
		t.Error("ingest does not listen")
	}
	end()
	s.exit() // 1, since Logplex drops what was refused three times
	accepted := readLedger(t, s.ledger)
	got := n.answers()
	t.Logf("nginx answered %v", got)
	delete(got, "204 204")
	delete(got, "503 503")
	if len(got) > 0 {
		t.Errorf("nginx answered %v, too", got)
	}
	d.settled(accepted)
}
