package logplex_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/drainline/drainline/services/internal/logplex"
)

// benchBody is 512 app lines of 200 bytes.
func benchBody() []byte {
	frame := logplex.AppendFrame(nil, 190, time.Date(2024, 5, 1, 12, 0, 0, 123456000, time.UTC),
		"host", "app", "web.1", bytes.Repeat([]byte("x"), 139))

	return bytes.Repeat(frame, 512)
}

func BenchmarkCheck(b *testing.B) {
	body := benchBody()

	b.SetBytes(int64(len(body)))

	frames := 0
	for b.Loop() {
		frames, _, _ = logplex.Check(body)
	}

	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*frames), "ns/frame")
}

func BenchmarkScanAndParse(b *testing.B) {
	body := benchBody()

	b.SetBytes(int64(len(body)))
	b.ReportAllocs()

	frames := 0

	for b.Loop() {
		frames = 0

		s := logplex.Scan(body)
		for s.Next() {
			if _, err := logplex.Parse(s.Frame(), logplex.SDNever); err != nil {
				b.Fatal(err)
			}

			frames++
		}
	}

	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*frames), "ns/frame")
}

func BenchmarkAppendFrame(b *testing.B) {
	var (
		dst  []byte
		ts   = time.Date(2024, 5, 1, 12, 0, 0, 123456000, time.UTC)
		text = bytes.Repeat([]byte("x"), 139)
	)

	b.ReportAllocs()

	for b.Loop() {
		dst = logplex.AppendFrame(dst[:0], 190, ts, "host", "app", "web.1", text)
	}
}
