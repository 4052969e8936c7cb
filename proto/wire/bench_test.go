package wire_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// linesABatch is what Logplex sends in a well-filled request.
const linesABatch = 200

// routerBatch is a batch of Heroku router lines of about 200 bytes.
func routerBatch() *wire.Batch {
	b := &wire.Batch{
		ID: wire.BatchID(wire.ID{1}, "splunk", 0, linesABatch-1), BlockID: wire.ID{1}, Destination: "splunk", LastFrame: linesABatch - 1,
		Origins: []wire.Origin{{
			RequestID: wire.ID{2}, Door: drainlinev1.Door_DOOR_LOGPLEX, Credential: "team_a", DrainToken: "d.3f1c2b1e-0a7e-4c37-9a53-2f6f1e0c9d11",
			App: "shop", ReceivedNS: 1_763_856_000_000_000_000, Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		}},
	}
	for i := range linesABatch {
		b.Events = append(b.Events, wire.Event{
			TimeNS: 1_763_856_000_000_000_000 + int64(i)*1_000_000, Host: "shop", Source: "router", Sourcetype: "heroku:router",
			Text: fmt.Appendf(nil, `at=info method=GET path="/products/%d?ref=home" host=shop.example.com request_id=9f1c2b1e-0a7e-4c37-9a53-%012d`+
				` fwd="203.0.113.%d" dyno=web.%d connect=0ms service=%dms status=200 bytes=%d protocol=https`, i*7919, i*104729, i, i%8, i%97, i*613),
			Fields: []wire.Field{
				{Name: "heroku_app", JSON: []byte(`"shop"`)},
				{Name: "heroku_process", JSON: []byte(`"router"`)},
				{Name: "heroku_dyno", JSON: []byte(`"router"`)},
				{Name: "heroku_kind", JSON: []byte(`"router"`)},
			},
			Kind: "router", Dyno: "router", Process: "router", Facility: 19, Severity: 6,
		})
	}
	return b
}

func encodeBatch(dst []byte, b *wire.Batch) []byte {
	dst = wire.AppendBatch(dst, b)
	for i := range b.Events {
		dst = wire.AppendEvent(dst, &b.Events[i])
	}
	return dst
}

// perEvent reports what one event of a batch costs.
func perEvent(b *testing.B, message []byte) {
	b.Helper()
	b.SetBytes(int64(len(message)))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*linesABatch), "ns/event")
}

func BenchmarkAppendEvent(b *testing.B) {
	batch := routerBatch()
	var message []byte
	b.ReportAllocs()
	for b.Loop() {
		message = encodeBatch(message[:0], batch)
	}
	perEvent(b, message)
}

func BenchmarkScanBatch(b *testing.B) {
	message := encodeBatch(nil, routerBatch())
	var batch wire.Batch
	b.ReportAllocs()
	for b.Loop() {
		if err := wire.ScanBatch(message, &batch); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, message)
}

func BenchmarkUnmarshalGenerated(b *testing.B) {
	message := encodeBatch(nil, routerBatch())
	b.ReportAllocs()
	for b.Loop() {
		var batch drainlinev1.EventBatch
		if err := proto.Unmarshal(message, &batch); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, message)
}

func BenchmarkSeal(b *testing.B) {
	message := encodeBatch(nil, routerBatch())
	var payload []byte
	b.ReportAllocs()
	for b.Loop() {
		payload = wire.Seal(payload[:0], message)
	}
	perEvent(b, message)
	b.ReportMetric(float64(len(message))/float64(len(payload)), "ratio")
}

func BenchmarkOpen(b *testing.B) {
	message := encodeBatch(nil, routerBatch())
	payload := wire.Seal(nil, message)
	buf := make([]byte, len(message))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Open(buf, payload); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, message)
}
