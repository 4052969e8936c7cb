package join_test

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/join"
)

var ordinary = []byte(`at=info method=GET path="/orders/4711" host=shop.example.com request_id=3f0c7e1a fwd="10.0.0.1" ` +
	`dyno=web.1 connect=1ms service=22ms status=200 bytes=656 protocol=https user="a@example.com" took=12ms ok=true`)

//nolint:paralleltest // AllocsPerRun counts what the whole process allocates.
func TestLinesThatPassDoNotAllocate(t *testing.T) {
	j, spec := join.New[int](1<<20), compile(t, nil, config.JoinPresets...)
	trace := traces(t, "java")
	lines := make([][]byte, len(trace))
	for i := range trace {
		lines[i] = []byte(trace[i])
	}
	groups := 0
	emit := func(join.Group[int]) { groups++ }
	allocs := testing.AllocsPerRun(100, func() {
		for i, line := range lines {
			j.Take("web.1", spec, line, i, epoch, emit)
			j.Take("web.2", spec, ordinary, i, epoch, emit)
		}
	})
	if allocs != 0 || groups == 0 {
		t.Errorf("%v allocations, %d groups", allocs, groups)
	}
}

func BenchmarkOrdinaryLine(b *testing.B) {
	for _, names := range append([]string{strings.Join(config.JoinPresets, " ")}, config.JoinPresets...) {
		b.Run(strings.ReplaceAll(names, " ", "_"), func(b *testing.B) {
			j, spec := join.New[int](1<<20), compile(b, nil, strings.Fields(names)...)
			b.ReportAllocs()
			for b.Loop() {
				j.Take("web.1", spec, ordinary, 0, epoch, func(join.Group[int]) {})
			}
		})
	}
}

func BenchmarkTraceLine(b *testing.B) {
	lines := traces(b, "java")
	j, spec, i := join.New[int](1<<20), compile(b, nil, "java"), 0
	texts := make([][]byte, len(lines))
	for i := range lines {
		texts[i] = []byte(lines[i])
	}
	b.ReportAllocs()
	for b.Loop() {
		j.Take("web.1", spec, texts[i%len(texts)], 0, epoch, func(join.Group[int]) {})
		i++
	}
}
