package e2e

import (
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// The demo shows events in a browser, and its books balance at the end.
func TestDemo(t *testing.T) {
	t.Parallel()
	demo := service(t, "drainline demo", "inspector.listen=127.0.0.1:0")
	demo.args = append(demo.args, "--rate", "200")
	p := demo.start(t).ready()
	page := p.line(`inspector +(\S+) .*`)
	p.line(`.* delivered [1-9]\d* .*`)

	dom := browse(t, page)
	rows := regexp.MustCompile(`<li data-app="[^"]+">`).FindAllString(dom, -1)
	if len(rows) < 20 {
		t.Errorf("%d events are on the page:\n%s", len(rows), dom)
	}
	for _, kind := range []string{"app", "router", "system"} {
		if !strings.Contains(dom, `title="sourcetype heroku:`+kind+`"`) {
			t.Errorf("no %s line is on the page", kind)
		}
	}
	if strings.Contains(dom, "reload for newer events") {
		t.Error("the page's script does not run")
	}
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != 0 {
		t.Errorf("ended with %d after SIGINT", code)
	}
	p.line(`sent \d+  accepted \d+  delivered [1-9]\d*  dead 0  waiting 0: the books balance`)
}

// browse opens a page in a browser and returns what its document has become.
func browse(t *testing.T, url string) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("this test looks at a page in Chromium, which is not installed: apt-get install chromium")
	}
	p := command{program: path, args: []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(), "--timeout=5000", "--dump-dom", url,
	}}.start(t)
	if code := p.exit(); code != 0 {
		t.Fatalf("chromium ended with %d", code)
	}
	return p.stdout.String()
}
