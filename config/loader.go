package config

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// Loader says where a configuration comes from. Later sources win: defaults,
// the files in their order, the environment, the flags.
type Loader struct {
	Files   []string       // YAML, each with its own includes
	Environ []string       // as os.Environ gives it
	Flags   map[string]any // dotted path to value, a string or of the field's type
	// Uses are the sections whose secrets and certificates are there, such as "ingest"
	// and "bus.tls"; nil is all. A placeholder stands for every other secret that is given
	// or required, and no file of one is read. What else is in these sections is checked
	// as ever.
	Uses []string
	// Offline gives the same wherever it is checked. It needs no secrets: a placeholder
	// stands for each that is given or required, also for a redaction key, so that HMACs
	// are the same. Variables in secrets are not looked at, and files of secrets and
	// certificates are not read. SPLUNK_HEC_URL and its like do nothing: what they would
	// give is taken for given. Everything else is checked, and an unset variable anywhere
	// else is a problem. The SHA is none that an instance shows.
	Offline bool
}

// Load reads everything and returns the configuration, or an *Error with all
// that is wrong with it.
func (l Loader) Load() (*Config, error) {
	c, _, err := l.load()
	return c, err
}

// load also tells which files took part, even when it fails.
func (l Loader) load() (*Config, involved, error) {
	env := newEnvironment(l.Environ)
	env.offline, env.uses = l.Offline, l.uses
	d := draft{offline: l.Offline, uses: l.uses, from: map[string]string{}, entries: map[string]string{}, koanf: koanf.New(".")}
	var layers []*layer
	for _, name := range l.Files {
		g := readGroup(name, env)
		layers = append(layers, g.layers...)
		d.involved.files = append(d.involved.files, g.names...)
		d.involved.patterns = append(d.involved.patterns, g.patterns...)
	}
	layers = append(layers, env.layer(), l.flagLayer())

	d.merge(layers)
	d.check()
	d.readSecretFiles()
	d.readCertificates()
	d.checkSenders()
	d.checkHMACs()
	d.replaceUnused()
	if err := asError(d.problems); err != nil {
		return nil, d.involved, err
	}
	c, err := d.config()
	return c, d.involved, err
}

// uses tells whether the secret or the certificate of a path is there to be read.
func (l Loader) uses(path string) bool {
	if l.Offline || l.Uses == nil {
		return !l.Offline
	}
	return slices.ContainsFunc(slices.Collect(ancestors(path)), func(p string) bool { return slices.Contains(l.Uses, p) })
}

func (l Loader) flagLayer() *layer {
	flags := newLayer(l.uses)
	for _, path := range slices.Sorted(maps.Keys(l.Flags)) {
		flags.set(path, l.Flags[path], "flags")
	}
	return flags
}

// draft is a configuration in the making.
type draft struct {
	offline  bool
	uses     func(path string) bool // of secrets and certificates
	koanf    *koanf.Koanf
	from     map[string]string // who gave a path, last
	entries  map[string]string // things with names, and who named them first
	items    []item            // of lists, in the order of the files
	problems []Problem
	involved involved

	certificates string // a digest
}

// involved is what a change of can change the configuration.
type involved struct {
	files    []string // configuration files, files of secrets and certificates
	patterns []string // of includes
}

func (d *draft) add(p Problem) { d.problems = append(d.problems, p) }

// merge puts the layers over the defaults. All values have their types and all
// paths are known, so that no merge can put a value over a section.
func (d *draft) merge(layers []*layer) {
	for _, l := range layers {
		d.problems = append(d.problems, l.problems...)
		d.items = append(d.items, l.items...)
		for entry, from := range l.entries {
			if _, known := d.entries[entry]; !known {
				d.entries[entry] = from
			}
		}
	}
	if d.offline && len(d.paths(destination)) == 0 {
		d.entries[establishedDestination] = "SPLUNK_HEC_URL"
	}
	d.load(d.defaults())
	for _, l := range layers {
		values := map[string]any{}
		for path, s := range l.settings {
			d.from[path] = s.from
			if s.value != nil {
				values[path] = s.value
			}
		}
		d.load(values)
	}
}

func (d *draft) load(values map[string]any) {
	if err := d.koanf.Load(confmap.Provider(values, "."), nil); err != nil {
		d.add(Problem{Path: "configuration", Rule: err.Error()})
	}
}

func (d *draft) defaults() map[string]any {
	values := map[string]any{}
	for _, k := range keys {
		value := k.defaultValue()
		if value == nil || strings.Contains(k.path, entryMark) {
			continue // an entry has its defaults already
		}
		for _, path := range d.paths(k.path) {
			values[path] = value
		}
	}
	return values
}

// paths puts the names that there are into a pattern.
func (d *draft) paths(pattern string) []string {
	above, ok := entryOf(pattern) // ends with the *
	if !ok {
		return []string{pattern}
	}
	var paths []string
	for _, entry := range slices.Sorted(maps.Keys(d.entries)) {
		if parentOf(entry) == parentOf(above) {
			paths = append(paths, entry+strings.TrimPrefix(pattern, above))
		}
	}
	return paths
}

// config makes the Config of a draft without problems.
func (d *draft) config() (*Config, error) {
	c := &Config{Certificates: d.certificates}
	// mapstructure without koanf's conversions: nothing is left to convert.
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{TagName: "koanf", ErrorUnused: true, Result: c})
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if err := errors.Join(decoder.Decode(d.koanf.Raw()), decoder.Decode(d.lists())); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c.Include = d.involved.patterns // of all files, each relative to its own
	i := 0
	for it := range d.entriesOf(rules) {
		c.Rules[i].Scope, c.Rules[i].File, c.Rules[i].Path = it.scope, it.from, it.path
		i++
	}
	return c, nil
}

// entriesOf yields the entries of a list, in the order of the files.
func (d *draft) entriesOf(list string) iter.Seq[item] {
	return func(yield func(item) bool) {
		for _, it := range d.items {
			if it.list == list && !yield(it) {
				return
			}
		}
	}
}

// names lists what the operator has named in a section.
func (d *draft) names(section string) []string {
	paths := d.paths(section + ".*")
	for i, path := range paths {
		paths[i] = lastSegment(path)
	}
	return paths
}

// lists has the entries of each list. They stay out of koanf, which would copy
// thousands of them at every turn.
func (d *draft) lists() map[string]any {
	lists := map[string][]map[string]any{}
	for _, it := range d.items {
		lists[it.list] = append(lists[it.list], it.values)
	}
	values := make(map[string]any, len(lists))
	for path, list := range lists {
		values[path] = list
	}
	return values
}
