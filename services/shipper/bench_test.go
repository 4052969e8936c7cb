package shipper

import (
	"fmt"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/shipper/internal/batch"
)

// BenchmarkPack is what an event costs from the bus to the socket, both left
// out: decoding its batch, encoding its envelope and compressing the request.
func BenchmarkPack(b *testing.B) {
	const events = 2000
	delivery := &bus.Delivery{Payload: benchPayload(events)}
	for _, compress := range []bool{false, true} {
		b.Run(fmt.Sprintf("gzip=%v", compress), func(b *testing.B) {
			s := &settings{config: config.Destination{
				Batch: config.Batch{MaxBytes: 1e6, MaxEvents: 10_000}, MaxEvent: 5e6, IndexedFields: []string{"*"},
			}}
			if compress {
				s.gzip = batch.NewGzip(1)
			}
			var (
				o        opened
				body     batch.Body
				contents batch.Contents
				n        = newEncoder(s)
				ship     shipment
				size     int
			)
			body.Start(s.gzip)
			b.ReportAllocs()
			done := 0
			for ; b.Loop(); done += events {
				if err := o.decode(delivery); err != nil {
					b.Fatal(err)
				}
				ticket := batch.NewTicket(delivery)
				for i := range o.batch.Events {
					e := &o.batch.Events[i]
					if n.examine(e) != flawless {
						b.Fatal("a flaw")
					}
					encoded := n.encode(e, n.keyOf("", e).raw)
					if !s.hasRoom(&body, len(encoded)) {
						size += body.Size()
						body.Bytes()
						body.Start(s.gzip)
						contents.Reset()
						ship.account.reset()
					}
					body.Add(encoded)
					contents.Add(ticket, i, o.batch.Origins[e.Origin].ReceivedNS, e.TimeNS)
					ship.book(ticket, &o.batch, e)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/event")
			b.ReportMetric(float64(size)/float64(done), "B/event")
		})
	}
}

// benchPayload is a batch of router lines, about 200 bytes each.
func benchPayload(events int) []byte {
	b := wire.Batch{Destination: "splunk", Origins: []wire.Origin{{DrainToken: "d.1", ReceivedNS: 1}}}
	message := wire.AppendBatch(nil, &b)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixNano()
	for i := range events {
		message = wire.AppendEvent(message, &wire.Event{
			TimeNS: now + int64(i)*1_234_567, Host: "shop", Source: "router", Sourcetype: "heroku:router", Kind: "router",
			Dyno: "router", Process: "router",
			Text: fmt.Appendf(nil, `at=info method=GET path="/items/%d" host=shop.example.com request_id=%016x-%08x `+
				`fwd="203.0.113.%d" dyno=web.%d connect=%dms service=%dms status=200 bytes=%d protocol=https`,
				i*7, i*982_451_653, i*31, i%256, i%4, i%3, i%97, i*13%5000),
			Fields: []wire.Field{{Name: "heroku_app", JSON: []byte(`"shop"`)}, {Name: "heroku_process", JSON: []byte(`"router"`)}},
		})
	}
	return wire.Seal(nil, message)
}
