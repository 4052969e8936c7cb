package backlog_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/backlog"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/topology"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watch runs a watch until the test ends.
func watch(t *testing.T, o backlog.Options) *backlog.Watch {
	t.Helper()
	o.Every = 10 * time.Millisecond
	w := backlog.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return w
}

func scrape(m *telemetry.Metrics) string {
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

func publish(t *testing.T, c *bus.Conn, subject string, size int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bustest.Patience)
	defer cancel()
	return c.Publish(ctx, bus.Msg{ID: wire.RandomID(), Subject: subject, Payload: make([]byte, size)})
}

func TestTheBacklogIsSeen(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.Config(t, map[string]any{"destinations.splunk.max_bytes": "1MiB"}))
	conn, metrics := b.Connect("test"), bustest.Metrics(t)
	plan := topology.New(b.Config, b.Server.Capacity())
	w := watch(t, backlog.Options{Bus: conn, Plan: func() topology.Plan { return plan }, Metrics: metrics, Log: bustest.Log(t), Disk: b.Server})
	shown := func(pattern string) func() bool {
		return func() bool { return regexp.MustCompile(`(?m)^` + pattern + `$`).MatchString(scrape(metrics)) }
	}
	const events, raw = `\{destination="splunk",stream="drainline_events_splunk"\}`, `\{destination="",stream="drainline_raw_s0"\}`
	bustest.Await(t, "an empty stream is not shown", shown(`drainline_backlog_messages`+events+` 0`))
	if err := w.Healthy(); err != nil {
		t.Error(err)
	}
	for range 4 {
		if err := publish(t, conn, "drainline.events.splunk", 200<<10); err != nil {
			t.Fatal(err)
		}
	}
	for _, pattern := range []string{
		`drainline_backlog_messages` + events + ` 4`,
		`drainline_backlog_pending` + events + ` 4`,
		`drainline_backlog_unacked` + events + ` 0`,
		`drainline_backlog_size_bytes` + events + ` 8\d{5}`,
		`drainline_backlog_limit_bytes` + events + ` 1\.048576e\+06`,
		`drainline_backlog_oldest_age_seconds` + events + ` [0-9.e-]+`,
		`drainline_backlog_seconds_to_full` + events + ` [0-9.e-]+`,
		`drainline_backlog_seconds_to_drain` + raw + ` 0`,
		`drainline_backlog_messages\{destination="",stream="drainline_dead"\} 0`,
		`drainline_disk_free_bytes [0-9.e+]+`,
		`drainline_disk_headroom_bytes -?[0-9.e+]+`,
		`drainline_disk_sync_duration_seconds_count [1-9]\d*`,
	} {
		bustest.Await(t, pattern+" is not shown", shown(pattern))
	}
	if strings.Contains(scrape(metrics), `drainline_backlog_seconds_to_full{destination="",stream="drainline_raw_s0"}`) {
		t.Error("a stream that does not grow is said to become full")
	}
	if err := publish(t, conn, "drainline.events.splunk", 220<<10); err != nil {
		t.Fatal(err)
	}
	bustest.Await(t, "the full stream is not told", func() bool {
		err := w.Healthy()
		return err != nil && strings.Contains(err.Error(), "drainline_events_splunk holds 9")
	})
}

// What cannot be seen is absent, and said once.
func TestNothingIsMadeUp(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.Config(t, nil))
	conn, metrics := b.Connect("test"), bustest.Metrics(t)
	if err := publish(t, conn, "drainline.raw.s0", 10); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	plan := topology.New(b.Config, b.Server.Capacity())
	lines := &lines{}
	w := watch(t, backlog.Options{
		Bus: conn, Metrics: metrics, Log: slog.New(slog.NewTextHandler(lines, nil)),
		Plan: func() topology.Plan { mu.Lock(); defer mu.Unlock(); return plan },
	})
	bustest.Await(t, "the backlog is not seen", func() bool { return len(w.Streams()) > 0 })
	if strings.Contains(scrape(metrics), "drainline_disk") {
		t.Error("a disk is shown where there is none")
	}
	unknown := plan.Streams[0]
	unknown.Config.Name = "drainline_raw_nowhere"
	mu.Lock()
	plan = topology.Plan{Streams: []topology.Stream{unknown}}
	mu.Unlock()
	bustest.Await(t, "what is gone is still shown", func() bool { return len(w.Streams()) == 0 })
	looks := func() int { return strings.Count(lines.String(), "\n") }
	bustest.Await(t, "it is not said", func() bool { return looks() > 0 })
	if strings.Contains(scrape(metrics), "drainline_backlog_messages{") || w.Healthy() != nil {
		t.Errorf("made up: %s", scrape(metrics))
	}
	mu.Lock()
	plan = topology.New(b.Config, b.Server.Capacity())
	mu.Unlock()
	bustest.Await(t, "the backlog is not seen again", func() bool { return len(w.Streams()) > 0 })
	if looks() != 1 {
		t.Errorf("said %d times: %s", looks(), lines)
	}
}

type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// broken is a disk that takes nothing.
type broken struct{}

func (broken) Space() (free, needed int64, err error)    { return 0, 0, errors.New("no disk") }
func (broken) TimeSync() (took time.Duration, err error) { return 0, errors.New("no disk") }

func TestABrokenDisk(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.Config(t, nil))
	metrics := bustest.Metrics(t)
	plan := topology.New(b.Config, b.Server.Capacity())
	w := watch(t, backlog.Options{Bus: b.Connect("test"), Plan: func() topology.Plan { return plan }, Metrics: metrics, Log: bustest.Log(t), Disk: broken{}})
	bustest.Await(t, "the backlog is not seen", func() bool { return len(w.Streams()) > 0 })
	if strings.Contains(scrape(metrics), "drainline_disk_") {
		t.Error("something is told of the disk")
	}
}
