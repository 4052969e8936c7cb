package config

import "strings"

// maxSecretFile bounds a file that holds a secret, in bytes.
const maxSecretFile = 64 << 10

// readSecretFiles fills in the secrets that are kept in files of their own.
// Where a secret is given both ways the file is not read: check refuses it.
func (d *draft) readSecretFiles() {
	for _, k := range keys {
		if !k.kind.secret {
			continue
		}
		for _, path := range d.paths(k.path) {
			file, _ := d.koanf.Get(path + fileSuffix).(string)
			if file == "" {
				continue
			}
			if !d.uses(path) {
				d.load(map[string]any{path: placeholder})
				continue
			}
			d.involved.files = append(d.involved.files, file)
			if !d.filled(path) {
				d.readSecretFile(k, path, file)
			}
		}
	}
}

func (d *draft) readSecretFile(k key, path, file string) {
	problem := func(rule string) {
		d.add(Problem{Path: path + fileSuffix, Value: show(file), Rule: rule, File: d.from[path+fileSuffix]})
	}
	content, err := readBounded(file, maxSecretFile)
	if err != nil {
		problem(err.Error())
		return
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	value, ok := k.kind.parse(line)
	switch {
	case line == "" && d.requires(k, path):
		problem("is empty")
	case !ok:
		problem("must hold " + k.kind.rule)
	default:
		d.load(map[string]any{path: value})
	}
}

// replaceUnused leaves nothing of a secret that is not used, wherever it was given.
func (d *draft) replaceUnused() {
	for _, k := range keys {
		if !k.kind.secret {
			continue
		}
		for _, path := range d.paths(k.path) {
			if !d.uses(path) && d.filled(path) {
				d.load(map[string]any{path: placeholder})
			}
		}
	}
}
