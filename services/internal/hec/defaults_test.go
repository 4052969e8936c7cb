package hec_test

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/internal/hec"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	type query map[string]string
	fields := hec.IndexedFields(map[string]string{"team": `a "b"`, "env": "prod"})
	full := &drainlinev1.Defaults{Host: "th", Source: "ts", Sourcetype: "tst", Index: "ti", Fields: fields, SplitArrays: true}
	all := query{"host": "qh", "source": "qs", "sourcetype": "qst", "index": "qi", "time": "1.5"}
	for _, c := range []struct {
		name          string
		token         *drainlinev1.Defaults
		query         query
		lines, events *drainlinev1.Defaults
	}{
		{
			"nothing", &drainlinev1.Defaults{}, nil,
			&drainlinev1.Defaults{}, &drainlinev1.Defaults{Host: "192.0.2.1", Source: "http:web", Sourcetype: "httpevent"},
		},
		{"the token's", full, nil, &drainlinev1.Defaults{Host: "th", Source: "ts", Sourcetype: "tst", Index: "ti", Fields: fields}, full},
		{
			"the URL's", full, all,
			&drainlinev1.Defaults{Host: "qh", Source: "qs", Sourcetype: "qst", Index: "qi", Fields: fields},
			&drainlinev1.Defaults{
				Host: "qh", Source: "qs", Sourcetype: "qst", Index: "qi", Fields: fields, SplitArrays: true, TimeNs: 1_500_000_000,
			},
		},
	} {
		parameter := func(name string) string { return c.query[name] }
		if got := hec.LineDefaults(c.token, parameter); !proto.Equal(got, c.lines) {
			t.Errorf("%s: lines have %v, want %v", c.name, got, c.lines)
		}
		if got, err := hec.EventDefaults(c.token, parameter, "web", "192.0.2.1"); err != nil || !proto.Equal(got, c.events) {
			t.Errorf("%s: events have %v, %v, want %v", c.name, got, err, c.events)
		}
	}
	if got := string(fields[0].GetJson()) + string(fields[1].GetJson()); got != `"prod""a \"b\""` {
		t.Errorf("fields are %s", got)
	}
	_, err := hec.EventDefaults(full, func(string) string { return "x" }, "web", "")
	if refused, ok := errors.AsType[*hec.RefusedError](err); !ok || refused.Code != hec.InvalidDataFormat {
		t.Errorf("a time that is none: %v", err)
	}
}
