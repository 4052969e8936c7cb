package logplex_test

import (
	"testing"

	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

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

	vs := logplextest.Vectors(t)
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
