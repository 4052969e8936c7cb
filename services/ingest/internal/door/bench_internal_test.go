package door

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/drainline/drainline/services/ingest/internal/parcel"
)

// accepting stores nothing.
type accepting struct{}

func (accepting) Store(context.Context, *parcel.Parcel) error { return nil }

// sink is a ResponseWriter that costs nothing, so that what is measured is the door.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

// A full batch of Logplex's: 512 lines of 200 bytes.
func BenchmarkDoor100KB(b *testing.B) {
	d := newDoor(b, open(), accepting{})
	content := bytes.Repeat(frame(strings.Repeat("x", 139)), 512)
	body := bytes.NewReader(content)
	r := drainPost("/logs", "sesame", body,
		"Content-Type", "application/logplex-1", "Logplex-Msg-Count", "512", "User-Agent", "Logplex/v73",
		"Logplex-Frame-Id", "adc10463-d0e2-45d8-8a48-572c607b7a66", "Logplex-Drain-Token", "d.73ea7440-270a-435a-a0ea-adf50b4e5f5a")
	w := &sink{header: http.Header{}}
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(content)
		if d.ServeHTTP(w, r); w.status != http.StatusNoContent {
			b.Fatalf("answered %d", w.status)
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	s := open()
	s.Credentials = append(s.Credentials, Credential{Name: "b", Secrets: []string{"one", "two"}})
	rules := new(rules).next(s)
	b.ReportAllocs()
	for b.Loop() {
		if rules.admit("Basic OnNlc2FtZQ==") == nil {
			b.Fatal("not let in")
		}
	}
}

// What traces cost a request of one line, the smallest there is.
func BenchmarkTracedRequest(b *testing.B) {
	for _, percent := range []float64{-1, 0, 1, 100} {
		name := "none are made"
		if percent >= 0 {
			name = fmt.Sprint(percent, " percent")
		}
		b.Run(name, func(b *testing.B) {
			d := newDoor(b, open(), accepting{})
			if percent >= 0 {
				provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(tracetest.NewNoopExporter()),
					sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(percent/100))))
				defer func() { _ = provider.Shutdown(context.Background()) }()
				d.Tracer = provider.Tracer("")
			}
			content := frame("x")
			body := bytes.NewReader(content)
			r := drainPost("/logs", "sesame", body, "Content-Type", "application/logplex-1", "Logplex-Msg-Count", "1",
				"User-Agent", "Logplex/v73", "Logplex-Drain-Token", "d.73ea7440-270a-435a-a0ea-adf50b4e5f5a")
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(content)
				if d.ServeHTTP(w, r); w.status != http.StatusNoContent {
					b.Fatalf("answered %d", w.status)
				}
			}
		})
	}
}
