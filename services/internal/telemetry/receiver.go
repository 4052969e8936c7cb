package telemetry

import (
	"fmt"
	"net/url"
	"strings"
)

// receiver is where a signal is sent by OTLP, as an otlp URL of the configuration says.
// OpenTelemetry's variables, OTEL_EXPORTER_OTLP_INSECURE among them, change nothing of it.
type receiver struct {
	grpc bool // else HTTP
	// url is what exporters of either protocol take, http for no TLS and https for TLS.
	url string
}

// newReceiver is where a URL sends "logs", "metrics" or "traces": with grpc and grpcs to
// the host, with http and https to the path of the signal below that of the URL.
func newReceiver(otlp, signal string) (receiver, error) {
	u, err := url.Parse(otlp)
	if err != nil {
		return receiver{}, fmt.Errorf("otlp: %w", err) // the configuration was validated
	}
	if secure, ok := strings.CutPrefix(u.Scheme, "grpc"); ok {
		return receiver{grpc: true, url: "http" + secure + "://" + u.Host}, nil
	}
	return receiver{url: u.JoinPath("v1", signal).String()}, nil
}
