package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"syscall"
	"time"
)

// check is one thing that readiness tells of.
type check struct {
	name  string
	gates bool
	probe func() error
}

// Check adds a reason to /readyz. One that gates makes the program not ready
// while it fails; the others are only told. An ingest that cannot reach the bus
// stays ready: behind a proxy, failing would turn waiting requests into instant
// 502s, which burn Logplex's three tries.
func (p *Process) Check(name string, gates bool, probe func() error) {
	p.checks = append(p.checks, check{name: name, gates: gates, probe: probe})
}

// Tell adds something under a name to what GET /status says, as it is when it is
// asked. What tell returns is encoded as JSON.
func (p *Process) Tell(name string, tell func() any) {
	p.facts = append(p.facts, fact{name: name, tell: tell})
}

type fact struct {
	name string
	tell func() any
}

// admin serves health, readiness, status, metrics and, when enabled, profiles.
type admin struct {
	server   *http.Server
	listener net.Listener
}

func (p *Process) newAdmin(ctx context.Context) (*admin, error) {
	c := p.Config.Admin
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("admin.listen %s is taken: stop what listens there or set another address", c.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("admin.listen %s cannot be listened on: stop what uses it or set another address: %w", c.Listen, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, "ok\n") })
	mux.HandleFunc("GET /readyz", p.ready)
	mux.HandleFunc("GET /status", p.status)
	mux.Handle("GET /metrics", p.Metrics.Handler())
	if c.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return &admin{listener: listener, server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}, nil
}

// url is where admin listens.
func (a *admin) url() string { return "http://" + a.listener.Addr().String() }

func (a *admin) serve() error {
	if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

func (a *admin) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	if err := a.server.Shutdown(ctx); err != nil {
		return fmt.Errorf("admin: %w", errors.Join(err, a.server.Close()))
	}
	return nil
}

// Readiness is the answer of /readyz.
type Readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"` // "ok" or the reason
}

// Status is the answer of /status, and of an instance that is asked on the bus.
type Status struct {
	Readiness

	// Instance is another one after each start.
	Instance string `json:"instance"`
	// Services that run in it.
	Services []string  `json:"services"`
	Version  string    `json:"version"`
	Host     string    `json:"host"`
	Started  time.Time `json:"started"`
	// Configuration is the SHA of the one that is in force.
	Configuration string `json:"configuration"`
	// Facts are what was added with Process.Tell, by name.
	Facts map[string]json.RawMessage `json:"facts"`
}

func (p *Process) readiness() Readiness {
	r := Readiness{Ready: true, Checks: make(map[string]string, len(p.checks))}
	for _, c := range p.checks {
		r.Checks[c.name] = "ok"
		if err := c.probe(); err != nil {
			r.Checks[c.name] = err.Error()
			r.Ready = r.Ready && !c.gates
		}
	}
	return r
}

func (p *Process) ready(w http.ResponseWriter, _ *http.Request) {
	r, status := p.readiness(), http.StatusOK
	if !r.Ready {
		status = http.StatusServiceUnavailable
	}
	p.writeJSON(w, status, r)
}

// Status says how the process is, as it is now.
func (p *Process) Status() Status {
	s := Status{
		Readiness: p.readiness(), Instance: p.Instance, Services: p.presence.names(), Version: Build(),
		Host: p.presence.host, Started: p.presence.started, Configuration: *p.inForce.Load(),
		Facts: make(map[string]json.RawMessage, len(p.facts)),
	}
	for _, f := range p.facts {
		content, err := json.Marshal(f.tell())
		if err != nil {
			p.Log.Error("a fact of the status cannot be told", "fact", f.name, "error", err)
			continue
		}
		s.Facts[f.name] = content
	}
	return s
}

func (p *Process) status(w http.ResponseWriter, _ *http.Request) {
	p.writeJSON(w, http.StatusOK, p.Status())
}

func (p *Process) writeJSON(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		p.Log.Error("an answer of admin cannot be encoded", "error", err)
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client's loss
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text)) // the client's loss
}
