package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	yamlparser "github.com/knadh/koanf/parsers/yaml"
	"go.yaml.in/yaml/v3"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 8 << 20

// readFile reads one configuration file. Its error says only that there is
// nothing to read.
func readFile(name string, env environment) (*layer, error) {
	l := newLayer(env.uses)
	l.expand = env.expand
	content, err := readBounded(name, maxFile)
	if err != nil {
		return l, err
	}
	l.parse(content, name)
	return l, nil
}

func (l *layer) parse(content []byte, name string) {
	tree, err := yamlparser.Parser().Unmarshal(content)
	if err != nil {
		for _, rule := range yamlRules(err) {
			l.add(Problem{Rule: rule, File: name})
		}
		return
	}
	if documents(content) > 1 {
		l.add(Problem{Rule: "must hold one YAML document: what follows the second --- would not be read", File: name})
	}
	if !l.reads(tree[versionKey], name) {
		return // what else is in it may mean something else
	}
	delete(tree, versionKey)
	if _, scoped := tree[appsKey]; scoped {
		l.walkScoped(tree, name)
		return
	}
	l.walk("", tree, name)
}

// documents counts YAML documents up to two; the parser reads the first only.
func documents(content []byte) int {
	if !bytes.Contains(content, []byte("---")) && !bytes.Contains(content, []byte("...")) {
		return 1 // nothing that ends a document, and files of thousands of drains are read once
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for n := range 2 {
		if err := decoder.Decode(&yaml.Node{}); err != nil {
			return n
		}
	}
	return 2
}

var (
	yamlDuplicate = regexp.MustCompile(`line (\d+): mapping key (".*") already defined at line (\d+)`)
	yamlLine      = regexp.MustCompile(`line (\d+): (.*)`)
	// yamlSafe are the parser's sentences that repeat nothing of the file, which
	// may be a secret.
	yamlSafe = regexp.MustCompile(`^(did not find|could not find|mapping values|found) [a-z '":,<>{}\[\]!-]*$`)
)

// yamlRules turns what the YAML parser says into sentences.
func yamlRules(err error) []string {
	messages := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if several, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = several.Errors
	}
	rules := make([]string, len(messages))
	for i, m := range messages {
		rules[i] = yamlRule(m)
	}
	return rules
}

func yamlRule(message string) string {
	if d := yamlDuplicate.FindStringSubmatch(message); d != nil {
		return fmt.Sprintf("gives the key %s twice, in lines %s and %s", d[2], d[3], d[1])
	}
	if strings.Contains(message, "cannot unmarshal") {
		return "must hold keys with values, as `key: value`"
	}
	if strings.Contains(message, "unknown anchor") {
		return "uses an anchor that is not there; text that begins with * belongs in quotes"
	}
	found := yamlLine.FindStringSubmatch(message)
	switch {
	case found == nil:
		return "is not valid YAML"
	case yamlSafe.MatchString(found[2]):
		return "is not valid YAML near line " + found[1] + ": " + found[2]
	default:
		return "is not valid YAML near line " + found[1]
	}
}

// readBounded reads a file that has at most limit bytes. Its errors do not
// repeat the name.
func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the operator names the files
	if err != nil {
		return nil, unreadable(err)
	}
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, unreadable(err)
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("must have at most %s", Bytes(limit))
	}
	return content, nil
}

func unreadable(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}

// group is a file of the command line with the files that it includes.
type group struct {
	layers   []*layer
	names    []string // of the files, in the same order
	patterns []string // of the includes, complete
}

func readGroup(name string, env environment) group {
	main, err := readFile(name, env)
	if err != nil {
		main.add(Problem{Rule: err.Error(), File: name})
	}
	g := group{layers: []*layer{main}, names: []string{name}}
	included, _ := main.settings[includeKey].value.([]string)
	for _, p := range included {
		if !filepath.IsAbs(p) {
			p = filepath.Join(filepath.Dir(name), p)
		}
		g.patterns = append(g.patterns, p)
		found, err := glob(p)
		if err != nil {
			main.add(Problem{Path: includeKey, Value: show(p), Rule: err.Error(), File: name})
		}
		for _, file := range found {
			if err := g.include(file, env); err != nil {
				main.add(Problem{Path: includeKey, Value: show(file), Rule: err.Error(), File: name})
			}
		}
	}
	g.findConflicts()
	return g
}

// include reads a file once, however many patterns match it.
func (g *group) include(name string, env environment) error {
	for _, other := range g.names {
		if sameFile(name, other) {
			return nil
		}
	}
	l, err := readFile(name, env)
	if s, ok := l.settings[includeKey]; ok {
		l.add(Problem{Path: includeKey, Rule: "can only be given in a file of the command line, not in an included one", File: s.from})
		delete(l.settings, includeKey)
	}
	g.layers, g.names = append(g.layers, l), append(g.names, name)
	return err
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// findConflicts holds the files of a group to giving each thing once: a name
// belongs to one file as a whole.
func (g *group) findConflicts() {
	owner := map[string]string{}
	for i, l := range g.layers {
		given := map[string]bool{}
		for entry := range l.entries {
			given[entry] = true
		}
		for path := range l.settings {
			if _, named := entryOf(path); !named {
				given[path] = true
			}
		}
		for path := range given {
			if first, taken := owner[path]; taken {
				l.add(Problem{Path: path, Rule: "is given in " + first + " too", File: g.names[i]})
				continue
			}
			owner[path] = g.names[i]
		}
	}
}

// glob finds the files of a pattern, hidden ones only when asked for: editors
// and Kubernetes keep such files beside the real ones.
func glob(pattern string) ([]string, error) {
	if !hasMeta(pattern) {
		return []string{pattern}, nil
	}
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, errors.New("must be a file name or a pattern with *, ? and [a-z]")
	}
	if strings.HasPrefix(filepath.Base(pattern), ".") {
		return found, nil
	}
	visible := found[:0]
	for _, name := range found {
		if !strings.HasPrefix(filepath.Base(name), ".") {
			visible = append(visible, name)
		}
	}
	return visible, nil
}

func hasMeta(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }
