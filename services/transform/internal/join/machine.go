package join

// machine knows which lines may follow each other: for each state the steps that lead
// out of it, of which the first that matches is taken. A line that none matches is not
// part of the group.
type machine [][]step

type state uint8

// start is the state before the first line.
const start state = 0

type step struct {
	matches func(line []byte) bool
	next    state
}

func (m machine) next(s state, line []byte) (state, bool) {
	for i := range m[s] {
		if m[s][i].matches(line) {
			return m[s][i].next, true
		}
	}
	return 0, false
}

// newPatterns makes a machine of two patterns.
func newPatterns(begins, goesOn func(line []byte) bool) machine {
	const within = 1
	return machine{start: {{begins, within}}, within: {{goesOn, within}}}
}

// presets are those of config.JoinPresets.
var presets = map[string]machine{
	"go": goTrace, "java": javaTrace, "node": nodeTrace, "python": pythonTrace, "ruby": rubyTrace,
}
