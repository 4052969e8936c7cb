package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/internal/audit"
	"github.com/drainline/drainline/services/internal/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// journal is what services write down, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

// fake is a service that notes what it is told.
type fake struct {
	name    string
	journal *journal
	fail    error // Run's answer at once, unless nil
	picky   bool  // refuses to hold for less than two seconds
}

func (f *fake) Run(ctx context.Context) error {
	f.journal.add(f.name + " runs")
	if f.fail != nil {
		return f.fail
	}
	<-ctx.Done()
	f.journal.add(f.name + " stops")
	return nil
}

func (f *fake) Reload(c *config.Config) (commit func(), err error) {
	if f.picky && c.Ingest.Hold < 2*time.Second {
		f.journal.add(f.name + " refuses")
		return nil, errors.New("too short")
	}
	return func() { f.journal.add(f.name + " reloads " + c.Ingest.Hold.String()) }, nil
}

func testProcess(t *testing.T, loader config.Loader) *Process {
	t.Helper()
	p, err := newProcess("run", loader, io.Discard, false)
	if err != nil {
		t.Fatal(err)
	}
	p.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	t.Cleanup(p.end)
	return p
}

func await(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it does not happen")
		}
	}
}

func TestServicesStopInOrder(t *testing.T) {
	var j journal
	p := testProcess(t, config.Loader{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- p.run(ctx, []Service{&fake{name: "a", journal: &j}, &fake{name: "b", journal: &j}, &fake{name: "c", journal: &j}})
	}()
	await(t, func() bool { return len(j.all()) == 3 })
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := j.all()[3:]; !slices.Equal(got, []string{"a stops", "b stops", "c stops"}) {
		t.Errorf("stopped as %v", got)
	}
}

func TestOneFailureStopsAll(t *testing.T) {
	var j journal
	broken := errors.New("broken")
	p := testProcess(t, config.Loader{})
	err := p.run(t.Context(), []Service{&fake{name: "a", journal: &j}, &fake{name: "b", journal: &j, fail: broken}})
	if !errors.Is(err, broken) || !slices.Contains(j.all(), "a stops") {
		t.Errorf("%v after %v", err, j.all())
	}
}

func TestReloadReachesServices(t *testing.T) {
	var j journal
	file := filepath.Join(t.TempDir(), "drainline.yaml")
	write := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ingest: {hold: 3s}\n")
	b := bustest.Start(t, bustest.Config(t, nil))
	p := testProcess(t, config.Loader{Files: []string{file}})
	conn, err := p.Connect(t.Context(), "shipper", b.Server)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- p.run(ctx, []Service{&fake{name: "a", journal: &j}, &fake{name: "b", journal: &j, picky: true}})
	}()
	await(t, func() bool { return len(j.all()) == 2 })
	write("ingest: {hold: 1s}\n")
	await(t, func() bool { return slices.Contains(j.all(), "b refuses") })
	write("ingest: {hold: 2s}\n")
	await(t, func() bool { return slices.Contains(j.all(), "b reloads 2s") })
	if got := j.all(); !slices.Contains(got, "a reloads 2s") || slices.Contains(got, "a reloads 1s") {
		t.Errorf("not whole or not at all: %v", got)
	}
	var records []string
	await(t, func() bool {
		records = nil
		err := audit.Read(t.Context(), conn, time.Time{}, func(r *drainlinev1.AuditRecord) error {
			records = append(records, r.GetAction()+":"+r.GetError())
			if r.GetConfiguration() == p.Config.SHA() {
				t.Error("a record has the configuration of before")
			}
			return nil
		})
		return err == nil && len(records) == 2
	})
	slices.Sort(records) // two that are made at once may be stored in either order
	if want := []string{"reload:", "reload:too short"}; !slices.Equal(records, want) {
		t.Errorf("recorded are %q", records)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestReadiness(t *testing.T) {
	trouble := func() error { return errors.New("disk is full") }
	fine := func() error { return nil }
	for _, c := range []struct {
		name   string
		gates  bool
		probe  func() error
		status int
		says   string
	}{
		{"fine", true, fine, http.StatusOK, "ok"},
		{"trouble that gates", true, trouble, http.StatusServiceUnavailable, "disk is full"},
		{"trouble that is only told", false, trouble, http.StatusOK, "disk is full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testProcess(t, config.Loader{})
			p.Check("thing", c.gates, c.probe)
			w := httptest.NewRecorder()
			p.ready(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			var r Readiness
			if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || r.Checks["thing"] != c.says || r.Ready != (c.status == http.StatusOK) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestAdminServesMetrics(t *testing.T) {
	p := testProcess(t, config.Loader{Flags: map[string]any{"admin.listen": "127.0.0.1:0", "admin.pprof": true}})
	p.Metrics.Counter("drainline_ingest_frames").Add(3)
	p.Tell("things", func() any { return []int{1, 2} })
	p.Tell("nonsense", func() any { return func() {} })
	a, err := p.newAdmin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- a.serve() }()
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": `{"ready":true`, "/status": `"facts":{"things":[1,2]}}`,
		"/metrics": "drainline_ingest_frames_total 3", "/debug/pprof/": "goroutine",
	} {
		if body, status := get(t, a.url()+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := errors.Join(a.close(), <-served); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url string) (body string, status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content), res.StatusCode
}

func TestMistakesInTheConfigurationAreUsageErrors(t *testing.T) {
	for _, c := range []struct{ name, set, says string }{
		{"unknown key", "ingest.hodl=1s", "ingest.hold"},
		{"no value", "bus.url", "want key=value"},
		{"bad value", "ingest.hold=1h", "ingest.hold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			flags := Flags{sets: []string{c.set}}
			loader, err := flags.Loader()
			loader.Environ = nil
			if err == nil {
				err = Run(&cobra.Command{}, loader, nil)
			}
			if _, usage := errors.AsType[*UsageError](err); !usage || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}
