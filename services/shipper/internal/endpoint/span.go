package endpoint

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/tracing"
)

// hecCodeKey is the code of HEC's answer.
const hecCodeKey = attribute.Key("drainline.hec.code")

// begin begins the span of a try, where a request is traced.
func (c *Client) begin(ctx context.Context, t *target, r *Request) (context.Context, trace.Span) {
	resends := r.tries
	r.tries++
	if c.tracer == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, tracing.None()
	}
	ctx, span := c.tracer.Start(ctx, http.MethodPost, trace.WithSpanKind(trace.SpanKindClient))
	if !span.IsRecording() {
		return ctx, span
	}
	to := t.place(r)
	span.SetAttributes(
		semconv.HTTPRequestMethodPost, semconv.URLFull(to.String()), semconv.ServerAddress(to.Hostname()),
		semconv.HTTPRequestBodySize(len(r.Body)),
	)
	if port, err := strconv.Atoi(portOf(to)); err == nil {
		span.SetAttributes(semconv.ServerPort(port))
	}
	if resends > 0 {
		span.SetAttributes(semconv.HTTPRequestResendCount(resends))
	}
	return ctx, span
}

// told ends the span of a try with what the collector has answered.
func told(span trace.Span, o *outcome, a *hec.Answer, err error) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	if o.status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(o.status))
	}
	if a.Code != NoCode && o.status != 0 {
		span.SetAttributes(hecCodeKey.Int(int(a.Code)))
	}
	switch {
	case err == nil:
	case o.status >= http.StatusBadRequest:
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(o.status)))
	case o.late:
		span.SetAttributes(semconv.ErrorTypeKey.String("timeout"))
	default:
		span.SetAttributes(semconv.ErrorType(err))
	}
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
}
