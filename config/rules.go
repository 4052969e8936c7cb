package config

import (
	"cmp"
	"errors"
	"strings"
	"time"
)

// RequireDestination returns an error that says what to set when there is no
// destination. Which services need one is theirs to know.
func (c *Config) RequireDestination() error {
	if len(c.Destinations) > 0 {
		return nil
	}
	return errors.New("there is no destination: set SPLUNK_HEC_URL and SPLUNK_HEC_TOKEN, " +
		"or name one under destinations in a configuration file")
}

// check holds the draft to the rules that concern more than one key, before
// files of secrets are read.
func (d *draft) check() {
	for _, k := range keys {
		for _, path := range d.paths(k.path) {
			switch {
			case k.required && !d.given(path):
				d.add(Problem{Path: path, Rule: missing(path), File: d.namedBy(path)})
			case k.kind.secret:
				d.checkSecret(path)
			case strings.HasSuffix(path, "tls.cert_file"):
				d.checkPair(path, strings.TrimSuffix(path, "cert_file")+"key_file")
			}
		}
	}
	d.checkRetries()
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

// checkSecret wants a secret exactly once: itself or in a file.
func (d *draft) checkSecret(path string) {
	file := path + fileSuffix
	inline, inFile := d.filled(path), d.filled(file)
	switch {
	case inline && inFile:
		d.add(Problem{Path: path, Rule: "is given together with " + lastSegment(file) + " (" + d.from[file] + "): give one of them", File: d.from[path]})
	case !inline && !inFile:
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

func (d *draft) checkRetries() {
	for _, retry := range d.paths(destination + ".retry") {
		initial, okInitial := d.koanf.Get(retry + ".initial").(time.Duration)
		longest, okLongest := d.koanf.Get(retry + ".max").(time.Duration)
		if okInitial && okLongest && longest < initial {
			d.add(Problem{
				Path: retry + ".max", Value: formatDuration(longest),
				Rule: "must not be below retry.initial, which is " + formatDuration(initial),
				File: cmp.Or(d.from[retry+".max"], d.from[retry+".initial"]),
			})
		}
	}
}

// checkCredentials refuses two names for one secret, which alone lets a sender
// in: who sent a request could not be told.
func (d *draft) checkCredentials() {
	seen := map[Secret]string{}
	for _, path := range d.paths(credentials + ".*") {
		secret, _ := d.koanf.Get(path + ".secret").(Secret)
		if secret == "" {
			continue
		}
		if first, taken := seen[secret]; taken {
			d.add(Problem{Path: path, Rule: "has the secret of " + first + ": who sends could not be told", File: d.namedBy(path)})
			continue
		}
		seen[secret] = path
	}
}
