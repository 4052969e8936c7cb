package capture

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/drainline/drainline/services/cmd/drainline/internal/outcome"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/transform"
)

// maxRows bounds the rows that are told apart: what more there are is added up under
// manyOthers.
const (
	maxRows    = 10_000
	manyOthers = "(others)"
)

// Key is what events are counted by.
type Key struct {
	App         string `json:"app"`
	Destination string `json:"destination"`
	Index       string `json:"index"`
	Sourcetype  string `json:"sourcetype"`
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Destination, b.Destination),
		cmp.Compare(a.Index, b.Index), cmp.Compare(a.Sourcetype, b.Sourcetype))
}

// clone is the key in memory of its own.
func (k Key) clone() Key {
	return Key{
		App: strings.Clone(k.App), Destination: strings.Clone(k.Destination),
		Index: strings.Clone(k.Index), Sourcetype: strings.Clone(k.Sourcetype),
	}
}

// Volume is how much there is: events, and bytes of Splunk's license (hec.LicenseBytes).
type Volume struct {
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
}

func (v *Volume) add(events, bytes int64) {
	v.Events += events
	v.Bytes += bytes
}

// tally counts what becomes of a capture with one configuration.
type tally struct {
	rows     map[Key]*Volume
	total    Volume
	filtered int64
	dead     map[string]int64
}

// newTally counts from nothing.
func newTally() *tally { return &tally{rows: map[Key]*Volume{}, dead: map[string]int64{}} }

// Add counts what came of one block.
func (t *tally) Add(out *transform.TrialOutput) error {
	for i := range out.Batches {
		b := &out.Batches[i]
		for j := range b.Events {
			e := &b.Events[j]
			bytes := int64(hec.LicenseBytes(e))
			key := Key{App: outcome.App(b, e), Destination: b.Destination, Index: e.Index, Sourcetype: e.Sourcetype}
			t.row(key).add(1, bytes)
			t.total.add(1, bytes)
		}
	}
	t.filtered += int64(out.Filtered)
	dead, err := outcome.Dead(out)
	for reason, n := range dead {
		t.dead[reason] += int64(n)
	}
	return err
}

func (t *tally) row(key Key) *Volume {
	if v, ok := t.rows[key]; ok {
		return v
	}
	if len(t.rows) >= maxRows {
		key = Key{App: manyOthers, Destination: key.Destination, Index: manyOthers, Sourcetype: manyOthers}
		if v, ok := t.rows[key]; ok {
			return v
		}
	}
	v := &Volume{}
	t.rows[key.clone()] = v
	return v
}

// Side is what a capture comes to with one configuration.
type Side struct {
	Volume

	// Filtered events were dropped by rules; Dead ones became dead letters, by reason.
	Filtered int64            `json:"filtered"`
	Dead     map[string]int64 `json:"dead"`
}

func (t *tally) side() Side { return Side{Volume: t.total, Filtered: t.filtered, Dead: t.dead} }

// Row is one line of a report.
type Row struct {
	Key

	// Before is there when there are two configurations to compare.
	Before *Volume `json:"before,omitempty"`
	After  Volume  `json:"after"`
}

// Report says what becomes of a capture.
type Report struct {
	Rows []Row `json:"rows"`
	// Before is there when there are two configurations to compare.
	Before *Side `json:"before,omitempty"`
	After  Side  `json:"after"`
	// Undecodable are bytes of the capture that are neither frame nor envelope.
	Undecodable int64 `json:"undecodable_bytes"`
}

// Appless counts the events of which no app is known.
func (r *Report) Appless() int64 {
	n := int64(0)
	for i := range r.Rows {
		if r.Rows[i].App == "" {
			n += r.Rows[i].After.Events
		}
	}
	return n
}

// newReport reports what a capture comes to, before being nil where there is nothing to
// compare with.
func newReport(before, after *tally, undecodable int64) *Report {
	r := &Report{Rows: []Row{}, After: after.side(), Undecodable: undecodable}
	keys := maps.Clone(after.rows)
	if before != nil {
		side := before.side()
		r.Before = &side
		maps.Copy(keys, before.rows)
	}
	for _, key := range slices.SortedFunc(maps.Keys(keys), compareKeys) {
		row := Row{Key: key}
		if v, ok := after.rows[key]; ok {
			row.After = *v
		}
		if before != nil {
			row.Before = &Volume{}
			if v, ok := before.rows[key]; ok {
				row.Before = v
			}
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}
