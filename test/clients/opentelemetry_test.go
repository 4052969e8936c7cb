package clients

import (
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/splunkhecexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// records is several of the exporter's requests of perRequest bytes each.
const (
	records    = 2_000
	perRequest = 64 << 10
)

func TestOpenTelemetry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		raw, gzip bool
	}{
		{"events", false, false},
		{"events in gzip", false, true},
		{"raw", true, false},
		{"raw in gzip", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			export(t, d.hec, func(config *splunkhecexporter.Config) {
				config.DisableCompression = !c.gzip
				if c.raw {
					config.ExportRaw = true
					config.Endpoint += "/services/collector/raw?host=h1&source=otel&sourcetype=st&index=web&time=1714564800.5"
				}
			})
			var want []event
			for n := range records {
				want = append(want, exported(t, n, c.raw))
			}
			d.expect(t, want)
		})
	}
}

// exported is what becomes of the n-th record.
func exported(t *testing.T, n int, raw bool) event {
	t.Helper()
	body := pcommon.NewValueEmpty()
	fill(body, n)
	if raw {
		return event{1_714_564_800_500_000, "h1", "otel", "st", "web", encode(t, body.AsString()), `{"team":"shop"}`}
	}
	return event{
		micros: sent(n).Round(time.Millisecond).UnixMicro(), // the exporter rounds
		host:   "h1", source: "otel", sourcetype: "st", index: "web", body: encode(t, body.AsRaw()),
		fields: encode(t, map[string]any{
			"team": "shop", "otel.log.severity.text": "INFO", "otel.log.severity.number": 9,
			"service.name": "shop", "n": n, "ratio": 0.25, "ok": true, "tags": []any{"a", "b"},
			"http.method": "GET", "http.status": 200,
		}),
	}
}

// fill makes the body of the n-th record: every second is a map.
func fill(body pcommon.Value, n int) {
	if n%2 == 0 {
		body.SetStr(line(n))
		return
	}
	members := body.SetEmptyMap()
	members.PutStr("message", line(n))
	members.PutInt("n", int64(n))
}

// export sends all records and shuts the exporter down, which flushes it.
func export(t *testing.T, url string, set func(*splunkhecexporter.Config)) {
	t.Helper()
	factory := splunkhecexporter.NewFactory()
	config, ok := factory.CreateDefaultConfig().(*splunkhecexporter.Config)
	if !ok {
		t.Fatal("the exporter has another configuration")
	}
	config.Endpoint, config.Token = url, configopaque.String(token)
	config.MaxContentLengthLogs = perRequest
	config.HecHealthCheckEnabled = true
	set(config)
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	logs, err := factory.CreateLogs(t.Context(), exporter.Settings{
		ID: component.NewID(factory.Type()), TelemetrySettings: silent(), BuildInfo: collector,
	}, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Start(t.Context(), extensions{}); err != nil {
		t.Fatal(err)
	}
	if err := logs.ConsumeLogs(t.Context(), batch()); err != nil {
		t.Fatal(err)
	}
	if err := logs.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// batch is all records.
func batch() plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	attributes := resource.Resource().Attributes()
	attributes.PutStr("host.name", "h1")
	attributes.PutStr("com.splunk.source", "otel")
	attributes.PutStr("com.splunk.sourcetype", "st")
	attributes.PutStr("com.splunk.index", "web")
	attributes.PutStr("service.name", "shop")
	scope := resource.ScopeLogs().AppendEmpty()
	for n := range records {
		r := scope.LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(sent(n)))
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.SetSeverityText("INFO")
		fill(r.Body(), n)
		a := r.Attributes()
		a.PutInt("n", int64(n))
		a.PutDouble("ratio", 0.25)
		a.PutBool("ok", true)
		tags := a.PutEmptySlice("tags")
		tags.AppendEmpty().SetStr("a")
		tags.AppendEmpty().SetStr("b")
		request := a.PutEmptyMap("http")
		request.PutStr("method", "GET")
		request.PutInt("status", 200)
	}
	return logs
}
