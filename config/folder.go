package config

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks ends the walk along symbolic links that lead in a circle.
const maxLinks = 40

// folders are the real folders in which a change can change what was read.
// Files are not watched themselves: editors and Kubernetes replace them.
func (i involved) folders() map[string]bool {
	found := map[string]bool{}
	for _, name := range i.files {
		addFolders(found, name)
	}
	for _, pattern := range i.patterns {
		dir := filepath.Dir(pattern)
		for ; hasMeta(dir); dir = filepath.Dir(dir) {
			matches, err := filepath.Glob(dir)
			if err != nil {
				continue // the pattern itself is a problem already
			}
			for _, match := range matches {
				addFolders(found, filepath.Join(match, "*"))
			}
		}
		addFolders(found, filepath.Join(dir, "*"))
	}
	return found
}

// addFolders adds the folder in which name stands, and those of the symbolic
// links on the way to it. Where the way breaks off, it is the folder in which
// the next piece will appear.
func addFolders(found map[string]bool, name string) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return // there is no working directory, so nothing in it changes
	}
	folder, rest := string(filepath.Separator), pieces(abs)
	for links := 0; len(rest) > 0 && links < maxLinks; {
		piece := rest[0]
		rest = rest[1:]
		if piece == ".." {
			folder = filepath.Dir(folder)
			continue
		}
		next := filepath.Join(folder, piece)
		info, err := os.Lstat(next)
		if err != nil || len(rest) == 0 {
			found[folder] = true
		}
		if err != nil {
			return
		}
		if info.Mode()&os.ModeSymlink == 0 {
			folder = next
			continue
		}
		found[folder] = true
		target, err := os.Readlink(next)
		if err != nil {
			return
		}
		if filepath.IsAbs(target) {
			folder = string(filepath.Separator)
		}
		rest = append(pieces(target), rest...)
		links++
	}
}

// pieces splits a path, without the pieces that lead nowhere.
func pieces(path string) []string {
	return strings.FieldsFunc(filepath.ToSlash(path), func(r rune) bool { return r == '/' })
}
