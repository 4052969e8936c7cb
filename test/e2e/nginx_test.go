package e2e

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drainline/drainline/test/internal/port"
)

// nginx is a proxy before ingest that notes how it answered.
type nginx struct {
	*process

	url      string // of the drain
	statuses string // a file, a line a request: ours and ingest's
}

// proxy starts an nginx (Debian: nginx-light) before a drain URL, as its
// documentation has it for upstreams that keep connections alive.
func proxy(t *testing.T, drain string) *nginx {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // not on the path of everybody
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("nginx is missing, install nginx-light: %v", err)
	}
	target, err := url.Parse(drain)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	n := &nginx{statuses: filepath.Join(dir, "statuses")}
	upstream := target.Host
	target.Host = port.Free(t)
	n.url = target.String()
	file := filepath.Join(dir, "nginx.conf")
	content := fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
	log_format statuses '$status $upstream_status';
	access_log %[2]s statuses;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	upstream ingest {
		server %[3]s;
		keepalive 32;
	}
	server {
		listen %[4]s;
		client_max_body_size 16m;
		location / {
			proxy_pass http://ingest;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
`, dir, n.statuses, upstream, target.Host)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	n.process = command{program: program, args: []string{"-p", dir, "-c", file}, graceful: true}.start(t)
	eventually(t, "nginx listens", func() bool { return accepts(target.Host) || n.hasEnded() })
	return n
}

// answers counts what nginx answered and had been answered: "204 204".
func (n *nginx) answers() map[string]int {
	n.t.Helper()
	content, err := os.ReadFile(n.statuses)
	if err != nil {
		n.t.Fatal(err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(content)) {
		counts[strings.TrimSpace(line)]++
	}
	return counts
}
