package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/telemetry"
)

// page is where a log is written.
type page struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.content.Write(b)
}

// lines are what was written, without the times.
func (p *page) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	for line := range strings.Lines(p.content.String()) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		lines = append(lines, rest)
	}
	return lines
}

func newLog(t *testing.T, c config.Logs) (*telemetry.Log, *page) {
	t.Helper()
	p := &page{}
	l, err := telemetry.NewLog(t.Context(), p, c, resource.Empty())
	if err != nil {
		t.Fatal(err)
	}
	return l, p
}

func closeLog(t *testing.T, l *telemetry.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func wantLines(t *testing.T, p *page, want ...string) {
	t.Helper()
	got := p.lines()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("written:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func inTrace() context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 0xab}, SpanID: trace.SpanID{7: 0xcd}, TraceFlags: trace.FlagsSampled,
	}))
}

func TestLogIsTextOrJSON(t *testing.T) {
	for _, c := range []struct {
		format string
		log    func(l *telemetry.Log)
		want   string
	}{
		{"text", func(l *telemetry.Log) { l.Info("it runs", "n", 1) }, `level=INFO msg="it runs" n=1`},
		{"json", func(l *telemetry.Log) { l.Info("it runs", "n", 1) }, `"level":"INFO","msg":"it runs","n":1}`},
		{"text", func(l *telemetry.Log) { l.InfoContext(inTrace(), "traced") }, `level=INFO msg=traced trace_id=000000000000000000000000000000ab span_id=00000000000000cd`},
		{
			"json", func(l *telemetry.Log) { l.With("stream", "raw").WarnContext(inTrace(), "traced") },
			`"level":"WARN","msg":"traced","stream":"raw","trace_id":"000000000000000000000000000000ab","span_id":"00000000000000cd"}`,
		},
		{"text", func(l *telemetry.Log) { l.Info("from outside", "text", "a\x1b[2J\nb") }, `level=INFO msg="from outside" text="a\x1b[2J\nb"`},
	} {
		l, p := newLog(t, config.Logs{Level: "info", Format: c.format})
		c.log(l)
		got := p.content.String()
		if !strings.HasSuffix(got, c.want+"\n") || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: written %q, want %q", c.format, got, c.want)
		}
		closeLog(t, l)
	}
}

func TestLogHasALevel(t *testing.T) {
	for _, c := range []struct {
		level string
		want  string // the levels that are written
	}{
		{"debug", "DEBUG INFO WARN ERROR"},
		{"info", "INFO WARN ERROR"},
		{"warn", "WARN ERROR"},
		{"error", "ERROR"},
	} {
		l, p := newLog(t, config.Logs{Level: "error"})
		l.SetLevel(config.Logs{Level: c.level})
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			l.Log(t.Context(), level, "m")
		}
		var levels []string
		for _, line := range p.lines() {
			levels = append(levels, strings.TrimSuffix(strings.TrimPrefix(line, "level="), " msg=m"))
		}
		if got := strings.Join(levels, " "); got != c.want {
			t.Errorf("%s: written %s, want %s", c.level, got, c.want)
		}
		closeLog(t, l)
	}
}

func TestRepeatsAreCounted(t *testing.T) {
	for _, c := range []struct {
		name string
		log  func(l *telemetry.Log)
		want []string
	}{
		{"said once", func(l *telemetry.Log) {
			l.Warn("full")
			time.Sleep(time.Hour)
		}, []string{"level=WARN msg=full"}},
		{"the last of the repeats is told after ten seconds", func(l *telemetry.Log) {
			for i := range 5 {
				l.Warn("full", "error", fmt.Sprint(i))
			}
			time.Sleep(11 * time.Second)
		}, []string{"level=WARN msg=full error=0", "level=WARN msg=full error=4 repeated=4"}},
		{"and again after ten more", func(l *telemetry.Log) {
			for range 250 {
				l.Error("away")
				time.Sleep(99 * time.Millisecond)
			}
		}, []string{"level=ERROR msg=away", "level=ERROR msg=away repeated=101", "level=ERROR msg=away repeated=101", "level=ERROR msg=away repeated=47"}},
		{"what comes late is new", func(l *telemetry.Log) {
			l.Warn("full")
			time.Sleep(11 * time.Second)
			l.Warn("full")
		}, []string{"level=WARN msg=full", "level=WARN msg=full"}},
		{"the end tells what is kept", func(l *telemetry.Log) {
			l.Warn("full")
			l.Warn("full")
		}, []string{"level=WARN msg=full", "level=WARN msg=full repeated=1"}},
		{"another level", func(l *telemetry.Log) {
			l.Warn("full")
			l.Error("full")
		}, []string{"level=WARN msg=full", "level=ERROR msg=full"}},
		{"another destination", func(l *telemetry.Log) {
			l.With("destination", "a").Warn("full")
			l.With("destination", "b").Warn("full")
			l.Warn("full", "destination", "c")
			l.With("destination", "a").Warn("full")
		}, []string{
			"level=WARN msg=full destination=a", "level=WARN msg=full destination=b", "level=WARN msg=full destination=c",
			"level=WARN msg=full destination=a repeated=1",
		}},
		{"the trace of the last", func(l *telemetry.Log) {
			l.Warn("full")
			l.WarnContext(inTrace(), "full")
		}, []string{"level=WARN msg=full", "level=WARN msg=full repeated=1 trace_id=000000000000000000000000000000ab span_id=00000000000000cd"}},
		{"information is not held back", func(l *telemetry.Log) {
			l.Info("back")
			l.Info("back")
		}, []string{"level=INFO msg=back", "level=INFO msg=back"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			t.Log(c.name)
			l, p := newLog(t, config.Logs{Level: "info"})
			c.log(l)
			closeLog(t, l)
			wantLines(t, p, c.want...)
		})
	}
}

// Texts from outside in messages fill neither the memory nor the log.
func TestRepeatsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, p := newLog(t, config.Logs{Level: "info"})
		for i := range 5000 {
			l.Warn(fmt.Sprint("strange ", i))
		}
		closeLog(t, l)
		lines := p.lines()
		if len(lines) != 1002 || !strings.HasSuffix(lines[1001], `msg="strange 4999" repeated=3999`) {
			t.Errorf("%d lines, the last %s", len(lines), lines[len(lines)-1])
		}
	})
}

func TestALogThatIsClosedStillWrites(t *testing.T) {
	l, p := newLog(t, config.Logs{Level: "info"})
	closeLog(t, l)
	l.Warn("late")
	l.Warn("late")
	wantLines(t, p, "level=WARN msg=late", "level=WARN msg=late")
}

// A collector that is away holds up neither a record nor the end.
func TestALogWithoutItsCollectorGoesOn(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	l, p := newLog(t, config.Logs{Level: "info", OTLP: gone.URL})
	for range 5000 {
		l.Info("it runs")
	}
	if got := len(p.lines()); got != 5000 {
		t.Errorf("%d lines are written", got)
	}
	started := time.Now()
	err := l.Close()
	if err == nil || time.Since(started) > 10*time.Second {
		t.Errorf("closed with %v after %v", err, time.Since(started))
	}
}

func TestALogThatCannotBeSent(t *testing.T) {
	t.Setenv("OTEL_LOGS_EXPORTER", "pigeon")
	_, err := telemetry.NewLog(t.Context(), &page{}, config.Logs{Level: "info"}, resource.Empty())
	if err == nil || !strings.Contains(err.Error(), "OTEL_LOGS_EXPORTER") {
		t.Errorf("error %v", err)
	}
}

func BenchmarkARepeatedWarning(b *testing.B) {
	l, err := telemetry.NewLog(b.Context(), &page{}, config.Logs{Level: "info"}, resource.Empty())
	if err != nil {
		b.Fatal(err)
	}
	why := errors.New("why")
	b.ReportAllocs()
	for b.Loop() {
		l.Warn("full", "destination", "splunk", "error", why)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
