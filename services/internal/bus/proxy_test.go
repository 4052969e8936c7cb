package bus

import (
	"net"
	"net/url"
	"strconv"
	"sync"
	"testing"
)

// proxy stands between client and server and can hold back what one of them
// says, or cut the connection, which loses what is held.
type proxy struct {
	target  string
	listen  net.Listener
	running sync.WaitGroup

	mu      sync.Mutex
	pass    *sync.Cond
	upHeld  bool // from client to server
	dnHeld  bool // from server to client
	closed  bool
	streams map[net.Conn]bool // true once cut
}

func startProxy(t *testing.T, s *testServer) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port := s.hostPort()
	p := &proxy{target: net.JoinHostPort(host, strconv.Itoa(port)), listen: l, streams: map[net.Conn]bool{}}
	p.pass = sync.NewCond(&p.mu)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.cut()
		l.Close()
		p.running.Wait()
	})
	return p
}

func (p *proxy) url() string { return "nats://" + p.listen.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.streams[client], p.streams[server] = p.closed, p.closed
		p.mu.Unlock()
		p.running.Go(func() { p.copy(server, client, &p.upHeld) })
		p.running.Go(func() { p.copy(client, server, &p.dnHeld) })
	}
}

func (p *proxy) copy(to, from net.Conn, held *bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		for *held && !p.streams[from] {
			p.pass.Wait()
		}
		cut := p.streams[from]
		p.mu.Unlock()
		if cut {
			return
		}
		if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

func (p *proxy) holdAnswers(on bool)  { p.set(&p.dnHeld, on) }
func (p *proxy) holdRequests(on bool) { p.set(&p.upHeld, on) }

func (p *proxy) set(held *bool, on bool) {
	p.mu.Lock()
	*held = on
	p.mu.Unlock()
	p.pass.Broadcast()
}

// cut ends all connections; what is held never arrives. New ones work.
func (p *proxy) cut() {
	p.mu.Lock()
	for c := range p.streams {
		p.streams[c] = true
		c.Close()
	}
	p.upHeld, p.dnHeld = false, false
	p.mu.Unlock()
	p.pass.Broadcast()
}

func splitURL(raw string) (string, int, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.Atoi(u.Port())
	return u.Hostname(), port, err
}
