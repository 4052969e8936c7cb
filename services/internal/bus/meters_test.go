package bus

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/services/internal/telemetry/telemetrytest"
)

func TestWhatIsStoredIsMeasured(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	createStreams(t, s.admin(), shortWait, rawConfig(), deadConfig())
	m, err := telemetry.New()
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions(s.url())
	o.Metrics = m
	conn, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	w := NewBlockWriter(conn, "s0", nil)
	if err := w.Append(soon(t), numbered(1), numbered(2), numbered(3)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := conn.Dead(soon(t), letter()); err != nil {
			t.Fatal(err)
		}
	}
	// What can never be stored is not measured.
	if err := conn.Publish(soon(t), Msg{ID: wire.RandomID(), Subject: testNames.RawSubject("s0"), Payload: make([]byte, 9<<20)}); err == nil {
		t.Error("nine megabytes were stored")
	}
	lines := telemetrytest.Scrape(t, m)
	telemetrytest.Hold(
		t, lines,
		`drainline_publish_duration_seconds_count{stream="raw"} 1`,
		`drainline_publish_duration_seconds_count{stream="dead"} 2`,
		`drainline_dead_letters_total{reason="bad_frame",stage="transform"} 2`,
		`drainline_ingest_block_requests_sum 3`,
		`drainline_ingest_block_requests_count 1`,
		`drainline_ingest_block_bytes_count 1`,
	)
	if all := strings.Join(lines, "\n"); strings.Contains(all, `stream="events"`) {
		t.Errorf("nothing was published there:\n%s", all)
	}
}
