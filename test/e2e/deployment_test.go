package e2e

import (
	"testing"

	"github.com/drainline/drainline/test/internal/port"
)

// deployment is a whole pipeline at work.
type deployment struct {
	t         *testing.T
	splunk    *splunkProcess
	bus       *bus
	busURL    string
	url       string              // of the drain
	processes map[string]*process // by the name of the program
}

// apart is three services on a NATS server, in four processes.
func apart(t *testing.T, settings ...string) *deployment {
	t.Helper()
	d := &deployment{t: t, splunk: startSplunk(t), processes: map[string]*process{}}
	nats, url := startNATS(t, "")
	d.processes["nats-server"] = nats
	settings = append(settings, append(to(d.splunk.url), "bus.url="+url, "ingest.logplex.listen="+port.Free(t))...)
	for _, name := range []string{"shipper", "transform", "ingest"} {
		d.processes[name] = service(t, name, settings...).start(t)
	}
	for _, name := range []string{"shipper", "transform", "ingest"} {
		d.processes[name].ready()
	}
	d.url, d.bus, d.busURL = d.processes["ingest"].drainURL(secret), lookAt(t, url), url
	return d
}

// together is everything in one process.
func together(t *testing.T, settings ...string) *deployment {
	t.Helper()
	d := &deployment{t: t, splunk: startSplunk(t)}
	address := port.Free(t)
	settings = append(settings, append(to(d.splunk.url), "bus.embedded.listen="+address, "ingest.logplex.listen="+port.Free(t))...)
	run := service(t, "drainline run", settings...).start(t).ready()
	d.processes = map[string]*process{"drainline": run}
	d.busURL = "nats://" + address
	d.url, d.bus = run.drainURL(secret), lookAt(t, d.busURL)
	return d
}

// strike kills a process the hard way and starts it again.
func (d *deployment) strike(name string) {
	d.t.Helper()
	d.processes[name].kill()
	p := d.processes[name].again()
	d.processes[name] = p
	if name == "nats-server" {
		p.line(`.* Server is ready`)
		return
	}
	p.ready()
}
