package config

import (
	"slices"
	"strings"
)

// check holds the draft to the rules that concern more than one key, before
// files of secrets are read.
func (d *draft) check() {
	for _, k := range keys {
		for _, path := range d.paths(k.path) {
			switch {
			case inList(path): // checked where it was read
			case k.kind.secret:
				d.checkSecret(path, d.requires(k, path))
			case d.offline && path == establishedDestination+".urls" && !d.filled(path):
				d.load(map[string]any{path: []string{placeholderURL}})
			case d.requires(k, path) && !d.filled(path):
				d.add(Problem{Path: path, Rule: missing(path), File: d.namedBy(path)})
			case strings.HasSuffix(path, "tls.cert_file"):
				d.checkPair(path, strings.TrimSuffix(path, "cert_file")+"key_file")
			}
		}
	}
	d.checkBusUser()
	d.checkDestinations()
	d.checkClientCAs()
	d.checkIndexes()
	d.checkDrains()
	d.checkJoins()
	d.checkRules()
	d.checkRouting()
}

// requires tells whether somebody has to give a key. What a section with a wrong type needs
// is not known.
func (d *draft) requires(k key, path string) bool {
	if !k.required || k.ofType == "" {
		return k.required
	}
	is := join(parentOf(path), "type")
	return d.koanf.Get(is) == k.ofType && !d.isWrong(is)
}

// isWrong tells whether somebody gave a value that breaks the key's rule.
func (d *draft) isWrong(path string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool { return p.Path == path })
}

// given tells whether anybody gave a value, even a wrong one.
func (d *draft) given(path string) bool {
	_, ok := d.from[path]
	return ok
}

// filled tells whether there is a value that is not empty, or a wrong one.
func (d *draft) filled(path string) bool {
	switch v := d.koanf.Get(path).(type) {
	case string:
		return v != ""
	case Secret:
		return v != ""
	case []string:
		return len(v) > 0
	default:
		return d.given(path)
	}
}

func (d *draft) namedBy(path string) string {
	entry, _ := entryOf(path)
	return d.entries[entry]
}

// missing says how a value that is missing can be given.
func missing(path string, ways ...string) string {
	for _, e := range established {
		if e.path == path {
			ways = append(ways, e.name+" in the environment")
		}
	}
	if len(ways) == 0 {
		return "is missing"
	}
	return "is missing: give it or " + strings.Join(ways, " or ")
}

// checkSecret wants a secret once at most: itself or in a file.
func (d *draft) checkSecret(path string, required bool) {
	file := path + fileSuffix
	inline, inFile := d.filled(path), d.filled(file)
	switch {
	case inline && inFile:
		d.add(Problem{Path: path, Rule: "is given together with " + lastSegment(file) + " (" + d.from[file] + "): give one of them", File: d.from[path]})
	case required && !inline && !inFile && !d.uses(path):
		d.load(map[string]any{path: placeholder})
	case required && !inline && !inFile:
		d.add(Problem{Path: path, Rule: missing(path, lastSegment(file)), File: d.namedBy(path)})
	}
}

func (d *draft) checkPair(cert, key string) {
	switch hasCert, hasKey := d.filled(cert), d.filled(key); {
	case hasCert && !hasKey:
		d.add(Problem{Path: key, Rule: "is missing: cert_file and key_file go together", File: d.from[cert]})
	case hasKey && !hasCert:
		d.add(Problem{Path: cert, Rule: "is missing: cert_file and key_file go together", File: d.from[key]})
	}
}

// checkBusUser wants one user at most for the connection to NATS.
func (d *draft) checkBusUser() {
	const creds = "bus.creds_file" //nolint:gosec // a path
	for _, path := range []string{busKey, busKey + fileSuffix} {
		if d.filled(creds) && d.filled(path) {
			d.add(Problem{Path: path, Rule: "is given together with creds_file (" + d.from[creds] + "): give one of them", File: d.from[path]})
		}
	}
}

func (d *draft) checkClientCAs() {
	for _, section := range []string{"ingest.logplex.tls", hec + ".tls"} {
		path := section + ".client_ca_file"
		if d.filled(path) && !d.filled(section+".cert_file") {
			d.add(Problem{Path: path, Rule: "needs cert_file and key_file: clients show certificates to a server that has one", File: d.from[path]})
		}
	}
}

// checkIndexes wants a token's own index among those that its events may name.
func (d *draft) checkIndexes() {
	for _, path := range d.paths(tokens + ".*") {
		name, _ := d.koanf.Get(path + ".index").(string)
		allowed, _ := d.koanf.Get(path + ".indexes").([]string)
		if name != "" && len(allowed) > 0 && !slices.Contains(allowed, name) {
			d.add(Problem{Path: path + ".index", Value: name, Rule: "must be one of indexes", File: d.from[path+".index"]})
		}
	}
}

// checkSenders refuses two names for one secret, which alone lets a sender in:
// who sent a request could not be told.
func (d *draft) checkSenders() {
	d.checkUnique(credentials, "secret", "previous_secret")
	d.checkUnique(tokens, "token")
}

func (d *draft) checkUnique(section string, secrets ...string) {
	owner := map[Secret]string{}
	for _, path := range d.paths(section + ".*") {
		for _, name := range secrets {
			secret, _ := d.koanf.Get(join(path, name)).(Secret)
			if secret == "" || secret == placeholder {
				continue
			}
			if first, taken := owner[secret]; taken && first != path {
				d.add(Problem{Path: path, Rule: "has the " + secrets[0] + " of " + first + ": who sends could not be told", File: d.namedBy(path)})
				continue
			}
			owner[secret] = path
		}
	}
}
