package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// layer is what one source sets: a file, the environment or the flags. Its
// values have passed their rules and have the types of the Config's fields.
type layer struct {
	settings map[string]setting
	entries  map[string]string // things with names, such as "destinations.splunk", and who named them first
	items    []item            // of lists, in their order
	problems []Problem
	// expand fills in what a string of a file takes from the environment.
	expand func(string) (string, error)
	uses   func(path string) bool // tells of a secret's path whether it is used
	scope  []string               // the apps that a file is limited to; nil is no limit
}

// setting is the value that a layer gives to a path.
type setting struct {
	value any // nil when what was given broke the rule
	from  string
}

// item is an entry of a list. No later layer changes it.
type item struct {
	list   string
	path   string // with its number in the file, such as "drains[3]"
	values map[string]any
	from   string
	scope  []string // of its file
}

const (
	noSection   = "is a section and must have keys below it"
	onlyInFiles = "is part of a list, and only files can give its entries"
	onlyRules   = "cannot stand in a file with apps: such a file can hold rules only, for these apps"
)

func newLayer(uses func(path string) bool) *layer {
	return &layer{uses: uses, settings: map[string]setting{}, entries: map[string]string{}}
}

func (l *layer) add(p Problem) { l.problems = append(l.problems, p) }

// walk takes a section of a file. Nothing in place of a section or of a value
// is the same as leaving it out.
func (l *layer) walk(path string, section map[string]any, from string) {
	for _, name := range slices.Sorted(maps.Keys(section)) {
		child, value := join(path, name), section[name]
		if strings.Contains(name, ".") {
			l.dotted(child, from)
			continue
		}
		k, ok := find(child)
		switch {
		case !ok || inList(child):
			l.unknown(child, from)
		case isList(child):
			l.walkList(child, value, from)
		case k.isSection():
			l.walkSection(child, value, from)
		case value != nil:
			l.set(child, value, from)
		}
	}
}

// walkScoped takes a file whose rules are limited to some apps. Whoever writes it may not
// be who runs Drainline.
func (l *layer) walkScoped(tree map[string]any, from string) {
	l.expand = expandNone
	apps, err := l.read(byPath[appsKey].kind, appsKey, tree[appsKey])
	if err != nil {
		l.add(Problem{Path: appsKey, Value: show(tree[appsKey]), Rule: err.Error(), File: from})
	}
	l.scope, _ = apps.([]string)
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		if name != appsKey && name != rules {
			l.add(Problem{Path: show(name), Rule: onlyRules, File: from})
		}
	}
	l.walk("", map[string]any{rules: tree[rules]}, from)
}

func (l *layer) dotted(path, from string) {
	l.add(Problem{Path: show(path), Rule: "keys and names have no dots; write `a: {b: 1}` for a.b", File: from})
}

func (l *layer) walkSection(path string, value any, from string) {
	section, ok := toSection(value)
	switch {
	case !ok: // not shown: it may be a secret in the wrong place
		l.add(Problem{Path: show(path), Rule: noSection, File: from})
	case l.enter(path, from):
		l.walk(path, section, from)
	}
}

// walkList takes a list of sections. Its entries have no names and are only
// added to, so that each is read as a whole.
func (l *layer) walkList(path string, value any, from string) {
	list, ok := value.([]any)
	if !ok && value != nil {
		l.add(Problem{Path: path, Rule: "is a list: every entry begins with - on a line of its own", File: from})
		return
	}
	for i, v := range list {
		l.walkItem(item{list: path, path: path + "[" + strconv.Itoa(i) + "]", from: from, scope: l.scope}, v)
	}
}

func (l *layer) walkItem(it item, value any) {
	section, ok := toSection(value)
	if !ok {
		l.add(Problem{Path: it.path, Rule: noSection, File: it.from})
		return
	}
	it.values = l.walkEntry(it.list+entryMark, it.path, section, it.from)
	l.items = append(l.items, it)
}

// walkEntry takes an entry of a list, or a section in one, with the defaults of
// what is not given. The values of a section that is left out or empty are zero.
func (l *layer) walkEntry(pattern, path string, section map[string]any, from string) map[string]any {
	values := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(section)) {
		k, ok := byPath[pattern+"."+name]
		child, raw := join(path, name), section[name]
		switch {
		case !ok:
			l.unknown(child, from)
		case strings.Contains(name, "."):
			l.dotted(child, from)
		case raw == nil:
		case k.isSection():
			inner, ok := toSection(raw)
			if !ok {
				l.add(Problem{Path: child, Rule: noSection, File: from})
				values[name] = nil
			} else if len(inner) > 0 {
				values[name] = l.walkEntry(k.path, child, inner, from)
			}
		default:
			values[name] = l.readOrAdd(k.kind, child, raw, from)
		}
	}
	for _, k := range below[pattern] {
		name := lastSegment(k.path)
		if _, given := values[name]; given {
			continue
		}
		if k.required {
			l.add(Problem{Path: join(path, name), Rule: "is missing", File: from})
		} else if value := k.defaultValue(); value != nil {
			values[name] = value
		}
	}
	return values
}

func toSection(value any) (map[string]any, bool) {
	switch v := value.(type) {
	case nil:
		return nil, true
	case map[string]any:
		return v, true
	case map[any]any: // some keys are numbers to YAML
		section := make(map[string]any, len(v))
		for name, below := range v {
			section[fmt.Sprint(name)] = below
		}
		return section, true
	default:
		return nil, false
	}
}

// enter notes the name in the path, if any, and reports whether it may be used.
func (l *layer) enter(path, from string) bool {
	entry, ok := entryOf(path)
	if !ok {
		return true
	}
	switch {
	case !namePattern.MatchString(lastSegment(entry)):
		l.add(Problem{Path: show(entry), Rule: "must be " + nameRule, File: from})
		return false
	case entry == join(credentials, DefaultCredential) && from != "DRAINLINE_DRAIN_SECRET":
		l.add(Problem{Path: entry, Rule: "is reserved for DRAINLINE_DRAIN_SECRET; choose another name", File: from})
		return false
	}
	if _, known := l.entries[entry]; !known {
		l.entries[entry] = from
	}
	return true
}

// maxNearest is for how many unknown keys of a layer the nearest is looked up:
// a file of something else has many.
const maxNearest = 100

func (l *layer) unknown(path, from string) {
	rule := "is not a known key"
	if len(l.problems) < maxNearest {
		rule += theNearest(nearestKey(path, keys))
	}
	l.add(Problem{Path: show(path), Rule: rule, File: from})
}

// set gives a value to a key.
func (l *layer) set(path string, raw any, from string) {
	k, ok := find(path)
	switch {
	case !ok:
		l.unknown(path, from)
		return
	case isList(path) || inList(path):
		l.add(Problem{Path: path, Rule: onlyInFiles, File: from})
		return
	case k.isSection():
		l.add(Problem{Path: show(path), Rule: noSection, File: from})
		return
	case !l.enter(path, from):
		return
	case (path == versionKey || path == includeKey || path == appsKey) && l.expand == nil:
		l.add(Problem{Path: path, Rule: "can only be given in a file", File: from})
		return
	}
	l.settings[path] = setting{l.readOrAdd(k.kind, path, raw, from), from}
}

// readOrAdd returns nil for a value that breaks its rule, and adds the problem.
func (l *layer) readOrAdd(k kind, path string, raw any, from string) any {
	value, err := l.read(k, path, raw)
	if err != nil {
		l.add(Problem{Path: path, Value: shown(k, raw), Rule: err.Error(), File: from})
	}
	return value
}

func (l *layer) read(k kind, path string, raw any) (any, error) {
	if s, isText := raw.(string); isText && k.secret && !l.uses(path) {
		return l.readUnused(k, s)
	}
	raw, err := expandAll(raw, l.expand)
	if err != nil {
		return nil, err
	}
	return parse(k, raw)
}

// readUnused reads a secret as if no variable were set, which is the same everywhere.
func (l *layer) readUnused(k kind, raw string) (any, error) {
	if l.expand == nil && raw != "" { // it is the environment's or a flag's own
		return placeholder, nil
	}
	expanded, err := newEnvironment(nil).expand(raw)
	if _, unset := errors.AsType[unsetError](err); unset {
		return placeholder, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(k, expanded)
}

func parse(k kind, raw any) (any, error) {
	value, ok := k.parse(raw)
	switch {
	case ok:
		return value, nil
	case k.text && isScalar(raw) && k.fits(fmt.Sprint(raw)):
		return nil, errNotText
	default:
		return nil, errors.New(k.why(raw))
	}
}

var errNotText = errors.New("is no text to YAML: put it in quotes")

func isScalar(raw any) bool {
	switch raw.(type) {
	case bool, int, int64, uint64, float64, time.Time:
		return true
	default:
		return false
	}
}

// expandAll expands a string, and all strings in a list or map.
func expandAll(raw any, expand func(string) (string, error)) (any, error) {
	if expand == nil {
		return raw, nil
	}
	switch v := raw.(type) {
	case string:
		return expand(v)
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			expanded, err := expandAll(item, expand)
			if err != nil {
				return nil, err
			}
			items[i] = expanded
		}
		return items, nil
	case map[string]any:
		values := make(map[string]any, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			expanded, err := expandAll(v[name], expand)
			if err != nil {
				return nil, err
			}
			values[name] = expanded
		}
		return values, nil
	default:
		return raw, nil
	}
}

// shown is a value as a problem may repeat it.
func shown(k kind, raw any) string {
	s, isText := raw.(string)
	switch {
	case k.secret:
		return redacted
	case k.source && isText:
		return printable(s)
	default:
		return show(raw)
	}
}
