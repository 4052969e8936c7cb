package join

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/drainline/drainline/config"
)

// The limits of a join that says none.
const (
	defaultLines = 500
	defaultBytes = 256_000
	defaultWait  = time.Second
)

// Spec is how the lines of a drain are joined. It may be used from any goroutine.
type Spec struct{ ways []way }

// way is one way to join: of several, the first that begins with a line decides.
type way struct {
	machine  machine
	maxLines int
	maxBytes int
	maxWait  time.Duration
}

// Compile makes a spec of the names of joins, which are those of the configuration and
// the presets (config.JoinPresets). The error says which name is wrong, and what about
// it.
func Compile(names []string, joins map[string]config.Join) (*Spec, error) {
	spec := &Spec{}
	for _, name := range names {
		join, ok := joins[name]
		if !ok {
			join = config.Join{Preset: name}
		}
		m, err := newMachine(&join)
		if err != nil {
			return nil, fmt.Errorf("joins.%s%w", name, err)
		}
		spec.ways = append(spec.ways, way{
			machine: m, maxLines: cmp.Or(join.MaxLines, defaultLines), maxBytes: int(cmp.Or(join.MaxBytes, defaultBytes)),
			maxWait: cmp.Or(join.MaxWait, defaultWait),
		})
	}
	return spec, nil
}

func newMachine(join *config.Join) (machine, error) {
	if join.Preset != "" {
		m, ok := presets[join.Preset]
		if !ok {
			return nil, fmt.Errorf(": %q is no preset and no entry of joins", join.Preset)
		}
		return m, nil
	}
	begin, err := regexp.Compile(join.Start)
	if err != nil {
		return nil, fmt.Errorf(".start: %w", err)
	}
	goOn, err := regexp.Compile(join.Continuation)
	if err != nil {
		return nil, fmt.Errorf(".continuation: %w", err)
	}
	switch {
	case join.Start == "" && join.Continuation == "":
		return nil, errors.New(": needs a preset, start or continuation")
	case join.Start == "":
		return newPatterns(anything, goOn.Match), nil
	case join.Continuation == "":
		return newPatterns(begin.Match, func(line []byte) bool { return !begin.Match(line) }), nil
	default:
		return newPatterns(begin.Match, func(line []byte) bool { return !begin.Match(line) && goOn.Match(line) }), nil
	}
}
