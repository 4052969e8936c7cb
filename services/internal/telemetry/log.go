package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/config"
)

// flushPatience is how long what is left to send may hold up the end of a process.
const flushPatience = 5 * time.Second

// lastPatience is the same for the log, which is closed after everything else.
const lastPatience = 2 * time.Second

// Log is a process' own log: text or JSON, with the ids of the trace that a record is
// about. Warnings and errors that repeat are said every ten seconds, with how many they
// are. Records are also sent by OTLP where telemetry.logs.otlp, or OTEL_LOGS_EXPORTER and
// its like, say so; a collector that is away costs the oldest records that wait for it,
// of which there are at most 2,048.
type Log struct {
	*slog.Logger

	level    *slog.LevelVar
	repeats  *repeats
	provider *sdklog.LoggerProvider // nil if nothing is sent
}

// NewLog makes the log of a process that is what res says. Close it.
func NewLog(ctx context.Context, w io.Writer, c config.Logs, res *resource.Resource) (*Log, error) {
	l := &Log{level: &slog.LevelVar{}}
	l.SetLevel(c)
	o := &slog.HandlerOptions{Level: l.level}
	handler := slog.Handler(slog.NewTextHandler(w, o))
	if c.Format == "json" {
		handler = slog.NewJSONHandler(w, o)
	}
	handler = correlated{handler}
	exporter, err := newLogExporter(ctx, c.OTLP)
	if err != nil {
		return nil, fmt.Errorf("telemetry.logs: %w", err)
	}
	if exporter != nil {
		l.provider = sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))
		sent := otelslog.NewHandler("github.com/drainline/drainline/services", otelslog.WithLoggerProvider(l.provider))
		handler = slog.NewMultiHandler(handler, levelled{sent, l.level})
	}
	l.repeats = newRepeats(handler)
	l.Logger = slog.New(l.repeats)
	return l, nil
}

// SetLevel puts the level of a configuration in force.
func (l *Log) SetLevel(c config.Logs) {
	if err := l.level.UnmarshalText([]byte(c.Level)); err != nil {
		l.level.Set(slog.LevelInfo) // the configuration was validated
	}
}

// Close says what repeats have not been told, and sends what is left, for two seconds at
// most. What is logged later is still written, and not sent.
func (l *Log) Close() error {
	l.repeats.flush()
	if l.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastPatience)
	defer cancel()
	if err := l.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("the last records of the log are not sent to its collector: %w", err)
	}
	return nil
}

// newLogExporter returns nil where nobody has asked for one.
func newLogExporter(ctx context.Context, otlp string) (sdklog.Exporter, error) {
	if otlp == "" {
		if !asked("LOGS") {
			return nil, nil //nolint:nilnil // nobody wants one
		}
		exporter, err := autoexport.NewLogExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("what OTEL_LOGS_EXPORTER and OTEL_EXPORTER_OTLP_* say: %w", err)
		}
		if autoexport.IsNoneLogExporter(exporter) {
			return nil, nil //nolint:nilnil // nobody wants one
		}
		return exporter, nil
	}
	to, err := newReceiver(otlp, "logs")
	if err != nil {
		return nil, err
	}
	if to.grpc {
		return otlploggrpc.New(ctx, otlploggrpc.WithEndpointURL(to.url)) //nolint:wrapcheck // says what it is
	}
	return otlploghttp.New(ctx, otlploghttp.WithEndpointURL(to.url)) //nolint:wrapcheck // says what it is
}

// asked reports whether OpenTelemetry's standard variables ask for a signal.
func asked(signal string) bool {
	for _, name := range []string{"OTEL_" + signal + "_EXPORTER", "OTEL_EXPORTER_OTLP_" + signal + "_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// correlated adds the ids of the span in the context to a record.
type correlated struct{ slog.Handler }

func (h correlated) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r) //nolint:wrapcheck // a handler's error is nobody's
}

func (h correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return correlated{h.Handler.WithAttrs(attrs)}
}

func (h correlated) WithGroup(name string) slog.Handler { return correlated{h.Handler.WithGroup(name)} }

// levelled holds a handler to a level.
type levelled struct {
	slog.Handler

	level slog.Leveler
}

func (h levelled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level.Level() && h.Handler.Enabled(ctx, level)
}

func (h levelled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelled{h.Handler.WithAttrs(attrs), h.level}
}

func (h levelled) WithGroup(name string) slog.Handler {
	return levelled{h.Handler.WithGroup(name), h.level}
}
