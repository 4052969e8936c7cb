// Command licenses reads software bills of material (CycloneDX), refuses licences that Drainline's programs must
// not be under, and collects the texts that have to go with the programs.
//
//	licenses [-texts FILE] SBOM…
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// allowed are the licences (SPDX) under which others may use and pass on an Apache-2.0 program.
var allowed = []string{
	"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT",
	"BSD-Source-Code", // what cyclonedx-gomod takes the BSD-3-Clause of Go itself for
}

// ours is what the modules of this repository begin with: LICENSE is theirs.
const ours = "github.com/drainline/drainline/"

// std is the component that Go's standard library is.
const std = "std"

// component is a module that a program is built of.
type component struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Evidence struct {
		Licenses []struct {
			License struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			} `json:"license"`
		} `json:"licenses"`
	} `json:"evidence"`
}

func main() {
	texts := flag.String("texts", "", "the `file` to write the texts of all licences to")
	flag.Parse()
	if err := run(flag.Args(), *texts); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(boms []string, texts string) error {
	if len(boms) == 0 {
		return errors.New("no bill of material is given")
	}
	components := map[string]component{}
	for _, file := range boms {
		if err := add(components, file); err != nil {
			return err
		}
	}
	var (
		refused []error
		all     bytes.Buffer
	)
	for _, name := range slices.Sorted(maps.Keys(components)) {
		c := components[name]
		if err := c.check(); err != nil {
			refused = append(refused, err)
		}
		if texts == "" {
			continue
		}
		if err := c.write(&all); err != nil {
			return err
		}
	}
	if err := errors.Join(refused...); err != nil || texts == "" {
		return err
	}
	return os.WriteFile(texts, all.Bytes(), 0o644) //nolint:gosec // everybody may read it
}

// add reads a bill's components that are not this repository's.
func add(to map[string]component, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var bom struct {
		Components []component `json:"components"`
	}
	if err := json.Unmarshal(content, &bom); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(bom.Components) == 0 {
		return fmt.Errorf("%s lists no components", file)
	}
	for _, c := range bom.Components {
		if !strings.HasPrefix(c.Name, ours) {
			to[c.Name+" "+c.Version] = c
		}
	}
	return nil
}

func (c component) check() error {
	if c.Name == std { // which is no module, so that nobody looks for its licence
		return nil
	}
	if len(c.Evidence.Licenses) == 0 {
		return fmt.Errorf("%s %s: no license was found", c.Name, c.Version)
	}
	for _, l := range c.Evidence.Licenses {
		if !slices.Contains(allowed, l.License.ID) {
			return fmt.Errorf("%s %s: %s%s is not allowed, see allowed in tools/licenses", c.Name, c.Version, l.License.ID, l.License.Name)
		}
	}
	return nil
}

// write appends the component's licences and notices.
func (c component) write(to *bytes.Buffer) error {
	folder, err := c.folder()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return err
		}
		found = true
		fmt.Fprintf(to, "==== %s %s: %s ====\n\n%s\n\n", c.Name, c.Version, e.Name(), bytes.TrimSpace(text))
	}
	if !found {
		return fmt.Errorf("%s %s: there is no license in %s", c.Name, c.Version, folder)
	}
	return nil
}

// folder is where the component's source lies.
func (c component) folder() (string, error) {
	if c.Name == std {
		root, err := goenv("GOROOT")
		return root, err
	}
	cache, err := goenv("GOMODCACHE")
	if err != nil {
		return "", err
	}
	path, err := module.EscapePath(c.Name)
	if err != nil {
		return "", err
	}
	version, err := module.EscapeVersion(c.Version)
	return filepath.Join(cache, path+"@"+version), err
}

func goenv(name string) (string, error) {
	out, err := exec.Command("go", "env", name).Output()
	return strings.TrimSpace(string(out)), err
}
