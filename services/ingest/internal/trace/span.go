package trace

import (
	"net"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	otel "go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/internal/tracing"
)

// Begin begins the span of a POST, which is part of its sender's trace if that is told by
// headers that look like one. The request that it returns has the span in its context; end
// has to be called when it is answered. Without a tracer, or when the span is not sampled,
// it is the request as it was.
func Begin(tracer otel.Tracer, r *http.Request, route string) (traced *http.Request, end func()) {
	if tracer == nil {
		return r, func() {}
	}
	ctx := r.Context()
	if parent := ofHeader(r.Header); parent != nil {
		ctx = otel.ContextWithRemoteSpanContext(ctx, tracing.Parse(parent.GetTraceparent(), parent.GetTracestate()))
	}
	ctx, span := tracer.Start(ctx, http.MethodPost+" "+route, otel.WithSpanKind(otel.SpanKindServer))
	if !span.IsRecording() {
		return r, func() {}
	}
	span.SetAttributes(attributes(r, route)...)
	return r.WithContext(ctx), func() { span.End() }
}

func attributes(r *http.Request, route string) []attribute.KeyValue {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	a := []attribute.KeyValue{
		semconv.HTTPRequestMethodPost, semconv.HTTPRoute(route), semconv.URLPath(r.URL.Path), semconv.URLScheme(scheme),
		semconv.NetworkProtocolVersion(strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor)),
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		a = append(a, semconv.ClientAddress(host))
	}
	if agent := r.UserAgent(); agent != "" {
		a = append(a, semconv.UserAgentOriginal(parcel.Text(agent, parcel.MaxUserAgent)))
	}
	if r.ContentLength >= 0 {
		a = append(a, semconv.HTTPRequestBodySize(int(r.ContentLength)))
	}
	return a
}

// Answering tells the span of a request how it is answered. It is for answers only: whoever
// reads the body needs net/http's own writer.
func Answering(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	span := otel.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return w
	}
	return &answering{w, span}
}

type answering struct {
	http.ResponseWriter

	span otel.Span
}

func (a *answering) WriteHeader(status int) {
	a.span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= http.StatusInternalServerError { // a sender's mistake is none of the server's
		a.span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
		a.span.SetStatus(codes.Error, "")
	}
	a.ResponseWriter.WriteHeader(status)
}

// Note tells the span of a request whose it is.
func Note(r *http.Request, credential, drainToken string) {
	span := otel.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(credentialKey.String(credential))
	if drainToken != "" {
		span.SetAttributes(drainKey.String(drainToken))
	}
}

const (
	credentialKey = attribute.Key("drainline.credential")
	drainKey      = attribute.Key("drainline.drain_token")
)

// Of is the trace context that goes on with a request: of its span, or else the one it
// came with, if that looks like one. It is nil when there is neither.
func Of(r *http.Request) *drainlinev1.Trace {
	span := otel.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return ofHeader(r.Header)
	}
	var t drainlinev1.Trace
	t.Traceparent, t.Tracestate = tracing.Format(span.SpanContext())
	return &t
}
