package ledger

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/drainline/drainline/services/internal/telemetry"
)

func accepted(n int64) Sums  { return Sums{Accepted: Amount{Events: n}} }
func delivered(n int64) Sums { return Sums{Delivered: Amount{Events: n}} }

func row(input, destination string, s Sums) Row {
	return Row{Key: Key{Input: input, Destination: destination}, Sums: s}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	again := Sums{Delivered: Amount{Events: 1}, Redelivered: Amount{Events: 1}}
	for name, c := range map[string]struct {
		rows    []Row
		waiting uint64
		want    Proof
	}{
		"nothing": {nil, 0, Proof{Verdict: Proven}},
		"even":    {[]Row{row("a", "x", accepted(2)), row("a", "x", delivered(2))}, 0, Proof{Verdict: Proven}},
		"waiting": {[]Row{row("a", "x", accepted(2))}, 1, Proof{Verdict: Open, Waiting: 1, Missing: 2}},
		"again":   {[]Row{row("a", "x", again)}, 0, Proof{Verdict: Repeated, TooMany: 1, Redelivered: 1}},
		"missing": {[]Row{row("a", "x", accepted(2)), row("a", "x", delivered(1))}, 0, Proof{Verdict: Unbalanced, Missing: 1}},
		"one for another": {
			[]Row{row("a", "x", accepted(1)), row("b", "x", delivered(1))},
			0,
			Proof{Verdict: Unbalanced, Missing: 1, TooMany: 1},
		},
		"named in one stage, other in the next": {[]Row{
			row("a", "x", accepted(5)), row("b", "x", accepted(3)), row(telemetry.Other, "x", delivered(8)),
			row("even", "x", accepted(1)), row("even", "x", delivered(1)),
		}, 0, Proof{Verdict: Proven}},
		"both ways": {[]Row{
			row("a", "x", accepted(5)), row("b", "x", delivered(3)), row(telemetry.Other, "x", accepted(3)), row(telemetry.Other, "x", delivered(5)),
		}, 0, Proof{Verdict: Proven}},
		"missing among others": {
			[]Row{row("a", "x", accepted(5)), row(telemetry.Other, "x", delivered(4))},
			0,
			Proof{Verdict: Unbalanced, Missing: 1},
		},
		"others of another destination": {
			[]Row{row("a", "x", accepted(5)), row(telemetry.Other, "y", delivered(5))},
			0,
			Proof{Verdict: Unbalanced, Missing: 5, TooMany: 5},
		},
	} {
		if diff := cmp.Diff(c.want, (&Books{Rows: c.rows}).prove(c.waiting)); diff != "" {
			t.Errorf("%s (- wanted, + proven):\n%s", name, diff)
		}
	}
}

// Stages that meet more inputs than have names, each in an order of its own, balance.
func TestManyInputsBalance(t *testing.T) {
	t.Parallel()
	const n = 2*maxInputs + 7
	first, second := newSheet(), newSheet()
	for i := range n {
		in, out := row(fmt.Sprint(i), "x", accepted(2)), row(fmt.Sprint(n-1-i), "x", delivered(2))
		first.add(&in, func(int) {})
		second.add(&out, func(int) {})
	}
	b := &Books{}
	for _, s := range []*sheet{first, second} {
		for _, r := range s.rows {
			b.Rows = append(b.Rows, *r)
		}
	}
	if got := b.prove(0); got != (Proof{Verdict: Proven}) {
		t.Errorf("%+v", got)
	}
}

// What has no index of its own is told too, without what does not tell indexes apart.
func TestByShowsWhatHasNoName(t *testing.T) {
	t.Parallel()
	web := row("a", "x", delivered(1))
	web.Index = "web"
	even := Sums{Accepted: Amount{Events: 3}, Delivered: Amount{Events: 2}}
	b := &Books{Rows: []Row{row("a", "x", even), web, row("b", "", Sums{Duplicate: Amount{Events: 4}})}}
	for by, want := range map[string][]Group{
		"index":       {{Sums: delivered(2)}, {Name: "web", Sums: delivered(1)}},
		"sourcetype":  {{Sums: delivered(3)}},
		"destination": {{Sums: Sums{Duplicate: Amount{Events: 4}}}, {Name: "x", Sums: Sums{Accepted: Amount{Events: 3}, Delivered: Amount{Events: 3}}}},
		"rule":        {},
	} {
		if diff := cmp.Diff(want, b.By(by), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("by %s (- wanted, + told):\n%s", by, diff)
		}
	}
}
