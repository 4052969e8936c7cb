package state

import (
	"slices"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/ledger"
)

// A rule is idle only where the books go back far enough to know.
func TestIdleRules(t *testing.T) {
	now := time.Now()
	c := &config.Config{Rules: []config.Rule{{Name: "busy"}, {Name: "idle"}, {Name: "only listed"}, {}}}
	rows := []ledger.Row{
		{Key: ledger.Key{Rule: "busy"}, Sums: ledger.Sums{Matched: ledger.Amount{Events: 1}}},
		{Key: ledger.Key{Rule: "only listed"}},
		{Key: ledger.Key{Input: "shop"}, Sums: ledger.Sums{Accepted: ledger.Amount{Events: 5}}},
	}
	for _, k := range []struct {
		name string
		from time.Time
		want []string
	}{
		{"eight days", now.Add(-8 * 24 * time.Hour), []string{"idle", "only listed"}},
		{"six days", now.Add(-6 * 24 * time.Hour), nil},
		{"no books", time.Time{}, nil},
	} {
		s := &State{At: now}
		s.read(&ledger.Books{From: k.from, Rows: rows}, c)
		if !slices.Equal(s.IdleRules, k.want) {
			t.Errorf("%s: %q, want %q", k.name, s.IdleRules, k.want)
		}
	}
}
