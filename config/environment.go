package config

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// establishedDestination is the one that SPLUNK_HEC_URL makes or completes.
const establishedDestination = "destinations.splunk"

// established are names that people have set already, with the key each fills.
var established = []struct{ name, path, doc string }{
	{"SPLUNK_HEC_URL", establishedDestination + ".urls", "One URL or several with commas between them."},
	{"SPLUNK_HEC_TOKEN", establishedDestination + ".token", "The HEC token."},
	{"PORT", "ingest.logplex.listen", "The port alone, on all addresses."},
	{"DRAINLINE_DRAIN_SECRET", credentials + "." + DefaultCredential + ".secret", "The secret in the drain URL."},
}

// environment is the process environment. It remembers what files asked for.
type environment struct {
	values  map[string]string
	asked   map[string]bool
	offline bool
	uses    func(path string) bool // of secrets
}

func newEnvironment(environ []string) environment {
	env := environment{values: make(map[string]string, len(environ)), asked: map[string]bool{}}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		env.values[name] = value
	}
	return env
}

// layer is what the environment sets. An established name yields to the key's
// own name, and to a file that has put it elsewhere as ${NAME}. Offline it sets
// nothing: shells have such names, or half of them, for reasons of their own.
func (env environment) layer() *layer {
	l := newLayer(env.uses)
	for _, e := range established {
		value := env.values[e.name]
		if value == "" || env.asked[e.name] || env.offline {
			continue
		}
		if e.name == "PORT" {
			value = ":" + value
		}
		l.set(e.path, value, e.name)
	}
	for _, name := range slices.Sorted(maps.Keys(env.values)) {
		path, ok := pathOf(name)
		if !ok {
			continue
		}
		if rule := refused(path); rule != "" {
			l.add(Problem{Path: name, Rule: rule, File: "environment"})
			continue
		}
		l.set(path, env.values[name], name)
	}
	return l
}

// inEnvironment are the keys that the environment can give.
var inEnvironment = slices.DeleteFunc(slices.Clone(keys), func(k key) bool { return k.referenceEnv() == "" })

// refused says why the environment cannot give a path; empty is that it can.
func refused(path string) string {
	for _, k := range keys {
		if isList(k.path) && strings.HasPrefix(path, k.path) {
			return onlyInFiles
		}
	}
	if _, known := find(path); !known {
		return "is not a known name" + theNearest(envName(nearestKey(path, inEnvironment)))
	}
	return ""
}

// Kubernetes tells every container of a namespace where its services are, in
// names that begin with the service's, which may well be drainline.
var serviceLink = regexp.MustCompile(
	`^DRAINLINE_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// pathOf is the path that an environment variable sets; ok is false when the
// variable is none of Drainline's.
func pathOf(name string) (string, bool) {
	rest, ours := strings.CutPrefix(name, envPrefix)
	if !ours || serviceLink.MatchString(name) {
		return "", false
	}
	for _, e := range established {
		if e.name == name {
			return "", false
		}
	}
	if rest != strings.ToUpper(rest) {
		return rest, true // lower case is not ours, but close enough to be a mistake
	}
	return strings.ReplaceAll(strings.ToLower(rest), "__", "."), true
}

var (
	variable     = regexp.MustCompile(`\$\$|\$\{[^}]*\}?`)
	variableName = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

	errVariable = errors.New("must name an environment variable as ${NAME}; $$ stands for $")
)

var errForeignVariable = errors.New("must not name environment variables: what is in them is not for whoever writes a file with apps; " +
	"$$ stands for $")

// expandNone replaces $$ by $, and refuses variables.
func expandNone(s string) (string, error) {
	var problem error
	out := variable.ReplaceAllStringFunc(s, func(match string) string {
		if match != "$$" {
			problem = errForeignVariable
		}
		return "$"
	})
	return out, problem
}

// unsetError is the name of a variable that is not set.
type unsetError string

func (e unsetError) Error() string {
	return "names ${" + string(e) + "}, which is not set in the environment"
}

// expand replaces ${NAME} by the variable's value and $$ by $. Any other $ stays.
func (env environment) expand(s string) (string, error) {
	var problem error
	out := variable.ReplaceAllStringFunc(s, func(match string) string {
		if match == "$$" {
			return "$"
		}
		groups := variableName.FindStringSubmatch(match)
		if groups == nil {
			problem = errVariable
			return ""
		}
		name := groups[1]
		env.asked[name] = true
		value, ok := env.values[name]
		if !ok && problem == nil { // a malformed one is worse
			problem = unsetError(name)
		}
		return value
	})
	return out, problem
}
