package transform

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

// vectors are the bodies that package logplex is tested with.
func vectors(t *testing.T) map[string][]byte {
	t.Helper()
	content, err := os.ReadFile(filepath.FromSlash("../internal/logplex/testdata/vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		ID   string `json:"id"`
		Body []byte `json:"b64"`
	}
	if err := json.Unmarshal(content, &list); err != nil {
		t.Fatal(err)
	}
	bodies := map[string][]byte{}
	for _, v := range list {
		bodies[v.ID] = v.Body
	}
	return bodies
}

// Lines that report loss are forwarded as any other, and what they report is counted.
func TestLossIsCounted(t *testing.T) {
	shuttle := func(r *drainlinev1.Request) { r.DrainToken, r.Facts.UserAgent = "", "log-shuttle/0.22" }
	for _, c := range []struct {
		name   string
		change func(*drainlinev1.Request)
		body   []byte
		want   counts
	}{
		{"N4", nil, vectors(t)["N4"], counts{Events: 2, L10: 3}},
		{"N5", nil, vectors(t)["N5"], counts{Events: 1, L10: 1}},
		{"N24", shuttle, vectors(t)["N24"], counts{Events: 1, L13: 7}},
		{
			"both of log-shuttle's", shuttle,
			frame("<172>1 - heroku token log-shuttle - - Error L12: 5 messages dropped since x", "<172>1 - heroku token log-shuttle - - Error L13: 2 messages lost since x"),
			counts{Events: 2, L12: 5, L13: 2},
		},
		{
			"an app that prints one", nil, frame("<190>1 - host app web.1 - Error L10 (output buffer overflow): 3 messages dropped since x"),
			counts{Events: 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(c.change)
			r.Body = c.body
			if got := transformed(t, []string{"splunk"}, block(r)).Counts; got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// The side that ships a line also counts it.
func TestLossOfAnotherIsNotCounted(t *testing.T) {
	r := request(nil)
	r.Body = vectors(t)["N4"]
	s := listing(t, config.Drain{Token: "d.1", Until: at(t, "2024-05-01T00:00:00Z")})
	if got := transformedBy(t, s, block(r)).Counts; got != (counts{After: 2}) {
		t.Errorf("%+v", got)
	}
}
