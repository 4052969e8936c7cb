package logplex_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/drainline/drainline/services/internal/logplex"
)

// vector is a body with the number of good messages a receiver finds in it.
type vector struct {
	ID     string `json:"id"`
	Body   []byte `json:"b64"`
	Frames int    `json:"frames"`
	Note   string `json:"note"`
}

func vectors(tb testing.TB) []vector {
	tb.Helper()

	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		tb.Fatal(err)
	}

	var vs []vector
	if err := json.Unmarshal(data, &vs); err != nil {
		tb.Fatal(err)
	}

	return vs
}

// vectorBody returns the body of one vector, for tests that look at it closely.
func vectorBody(tb testing.TB, id string) []byte {
	tb.Helper()

	for _, v := range vectors(tb) {
		if v.ID == id {
			return v.Body
		}
	}

	tb.Fatalf("no vector %s", id)

	return nil
}

// vectorSD is what the request that a vector belongs to would say: these three come
// from senders without a Logplex-Drain-Token.
func vectorSD(id string) logplex.SD {
	switch id {
	case "N23", "N24", "N26":
		return logplex.SDAlways
	default:
		return logplex.SDNever
	}
}

func TestVectorsYieldTheStatedMessages(t *testing.T) {
	t.Parallel()

	vs := vectors(t)
	if len(vs) != 48 {
		t.Fatalf("%d vectors, want N1 to N26 and X1 to X22", len(vs))
	}

	for _, v := range vs {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()

			good := 0

			s := logplex.Scan(v.Body)
			for s.Next() {
				if _, err := logplex.Parse(s.Frame(), vectorSD(v.ID)); err == nil {
					good++
				}
			}

			if good != v.Frames {
				t.Errorf("%d good messages, want %d (%s); framing: %v", good, v.Frames, v.Note, s.Err())
			}
		})
	}
}
