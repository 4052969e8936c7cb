package hec_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

// routerLines are events as they come from the bus: each has memory of its own, and
// about 200 bytes of text with quotes to escape.
func routerLines(tb testing.TB, events int) []wire.Event {
	tb.Helper()
	message := wire.AppendBatch(nil, &wire.Batch{Origins: []wire.Origin{{DrainToken: "d.1"}}})
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixNano()
	for i := range events {
		message = wire.AppendEvent(message, &wire.Event{
			TimeNS: now + int64(i)*1_234_567, Host: "shop", Source: "router", Sourcetype: "heroku:router", Kind: "router",
			Dyno: "router", Process: "router",
			Text: fmt.Appendf(nil, `at=info method=GET path="/items/%d" host=shop.example.com request_id=%016x-%08x `+
				`fwd="203.0.113.%d" dyno=web.%d connect=%dms service=%dms status=200 bytes=%d protocol=https`,
				i*7, i*982_451_653, i*31, i%256, i%4, i%3, i%97, i*13%5000),
			Fields: []wire.Field{field("heroku_app", `"shop"`), field("heroku_process", `"router"`)},
		})
	}
	var b wire.Batch
	if err := wire.ScanBatch(message, &b); err != nil {
		tb.Fatal(err)
	}
	return b.Events
}

// BenchmarkEncode is what an event costs on its way into a request: alone, and with the
// compression of the request.
func BenchmarkEncode(b *testing.B) {
	const batch = 2000
	events := routerLines(b, batch)
	packed, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		out    io.Writer
		filter *hec.FieldFilter
	}{
		{"plain", io.Discard, nil},
		{"filtered", io.Discard, hec.NewFieldFilter([]string{"heroku_*"})},
		{"gzip", packed, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			var scratch []byte
			b.ReportAllocs()
			n, size := 0, 0
			for ; b.Loop(); n += batch {
				for i := range events {
					scratch = hec.AppendEventWith(scratch[:0], &events[i], c.filter)
					size += len(scratch)
					if _, err := c.out.Write(scratch); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
			b.ReportMetric(float64(size)/float64(n), "B/event")
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
