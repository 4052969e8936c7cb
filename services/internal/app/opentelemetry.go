package app

import "go.opentelemetry.io/otel"

// maxComplaint is how much is told of a text that may hold what a collector answers, in
// bytes.
const maxComplaint = 1000

// hearOpenTelemetry has what goes wrong in sending spans, metrics and records logged. Its
// SDK knows one listener a program, and would write lines of its own otherwise.
func (p *Process) hearOpenTelemetry() {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		text := err.Error()
		p.Log.Warn("telemetry is not sent by OTLP, trying on", "error", text[:min(len(text), maxComplaint)])
	}))
}
