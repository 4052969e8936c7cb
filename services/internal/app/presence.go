package app

import (
	"encoding/json"
	"os"
	"time"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// presence is how a process shows itself on the bus: its services to NATS' discovery, and
// how it is to whoever asks.
type presence struct {
	host     string
	started  time.Time
	services []connected
	hide     []func() error // what is shown now
}

// connected is a service with its connection.
type connected struct {
	service string
	conn    *bus.Conn
}

func newPresence() presence {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // it is only shown
	}
	return presence{host: host, started: time.Now().UTC().Truncate(time.Second)}
}

// names are the services of the process, by their connections.
func (a *presence) names() []string {
	names := make([]string, len(a.services))
	for i, s := range a.services {
		names[i] = s.service
	}
	return names
}

var descriptions = map[string]string{
	wire.StageIngest:    "Takes Logplex drains and HEC requests, and stores them.",
	wire.StageTransform: "Turns what was stored into events for each destination.",
	wire.StageShipper:   "Delivers events to Splunk.",
}

// show shows the process with the configuration that is in force, in place of what it
// showed before. One connection answers for all.
func (p *Process) show() {
	before := p.presence.hide
	p.presence.hide = nil
	for i, s := range p.presence.services {
		shown := bus.Service{
			Name: wire.MicroService(s.service), Version: Build(), Description: descriptions[s.service],
			Metadata: map[string]string{
				"instance": p.Instance, "host": p.presence.host, "started": p.presence.started.Format(time.RFC3339),
				"version": Build(), "configuration": *p.inForce.Load(),
			},
		}
		if i == 0 {
			shown.Answer = p.answer
		}
		hide, err := s.conn.Serve(shown)
		if err != nil {
			p.Log.Warn("this instance cannot be seen by `drainline status`", "error", err)
			continue
		}
		p.presence.hide = append(p.presence.hide, hide)
	}
	p.hideAll(before)
}

func (p *Process) hideAll(shown []func() error) {
	for _, hide := range shown {
		if err := hide(); err != nil {
			p.Log.Warn("bus", "error", err)
		}
	}
}

func (p *Process) answer() []byte {
	content, err := json.Marshal(p.Status())
	if err != nil {
		p.Log.Error("the status cannot be encoded", "error", err)
	}
	return content
}
