package trace

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

func TestOf(t *testing.T) {
	t.Parallel()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, c := range []struct {
		name, parent, state string
		want                *drainlinev1.Trace
	}{
		{"none", "", "", nil},
		{"parent", parent, "", &drainlinev1.Trace{Traceparent: parent}},
		{"parent and state", parent, "a=1", &drainlinev1.Trace{Traceparent: parent, Tracestate: "a=1"}},
		{"state alone", "", "a=1", nil},
		{"a state too long", parent, strings.Repeat("a", 513), &drainlinev1.Trace{Traceparent: parent}},
		{"a state with a control character", parent, "a\x01", &drainlinev1.Trace{Traceparent: parent}},
		{"a later version with more", "01" + parent[2:] + "-x", "", &drainlinev1.Trace{Traceparent: "01" + parent[2:] + "-x"}},
		{"version 00 with more", parent + "-x", "", nil},
		{"version ff", "ff" + parent[2:], "", nil},
		{"capitals", strings.ToUpper(parent), "", nil},
		{"too short", parent[:54], "", nil},
		{"no trace", "00-" + strings.Repeat("0", 32) + parent[35:], "", nil},
		{"no parent", parent[:36] + strings.Repeat("0", 16) + "-01", "", nil},
		{"other fields", strings.Replace(parent, "-00f067aa0ba902b7", "00-f067aa0ba902b7", 1), "", nil},
	} {
		h := http.Header{}
		h.Set("Traceparent", c.parent)
		h.Set("Tracestate", c.state)
		if got := ofHeader(h); !proto.Equal(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
