package telemetry

import "testing"

func TestReceiver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		otlp, signal string
		want         receiver
	}{
		{"http://collector:4318", "logs", receiver{url: "http://collector:4318/v1/logs"}},
		{"https://collector/otlp/", "traces", receiver{url: "https://collector/otlp/v1/traces"}},
		{"grpc://collector:4317", "metrics", receiver{grpc: true, url: "http://collector:4317"}},
		{"grpcs://collector:4317", "logs", receiver{grpc: true, url: "https://collector:4317"}},
	} {
		if got, err := newReceiver(c.otlp, c.signal); got != c.want || err != nil {
			t.Errorf("%s for %s: %+v, %v", c.signal, c.otlp, got, err)
		}
	}
}
