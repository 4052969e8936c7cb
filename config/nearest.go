package config

import (
	"fmt"
	"math"
	"strings"
)

const (
	// maxCompared bounds the work for a name that nobody meant, in bytes.
	maxCompared = 200
	// wrongSection is how many letters a key in the wrong section counts for.
	wrongSection = 3
)

// Nearest is how a message goes on that says a name is unknown: `, the nearest is
// "kind"`. It is empty when none of the known is like the name: more than half of its
// letters would be wrong. Of names that are alike the first counts.
func Nearest(name string, known []string) string {
	name = name[:min(len(name), maxCompared)]
	best, least := "", len(name)/2+1
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return theNearest(best)
}

func theNearest(name string) string { return fmt.Sprintf(", the nearest is %q", shortened(name)) }

// nearestKey returns the key, or section, among the known that is spelled most
// like an unknown one. A key that only stands in the wrong section is nearest.
func nearestKey(path string, known []key) string {
	path = path[:min(len(path), maxCompared)]
	best, least := "", math.MaxInt
	for _, k := range known {
		if strings.HasSuffix(k.path, entryMark) {
			continue // nobody spells out an entry
		}
		candidate := named(k.path, path)
		d := distance(path, candidate)
		if lastSegment(k.path) == lastSegment(path) {
			d = min(d, wrongSection)
		}
		if d < least {
			best, least = candidate, d
		}
	}
	return best
}

// named puts the names and numbers of path into a pattern.
func named(pattern, path string) string {
	segments, given := strings.Split(pattern, "."), strings.Split(path, ".")
	for i, s := range segments {
		switch here := i < len(given) && given[i] != ""; {
		case s == "*" && here, here && entryNumber.ReplaceAllString(given[i], entryMark) == s:
			segments[i] = given[i]
		case s == "*":
			segments[i] = "<name>"
		}
	}
	return strings.Join(segments, ".")
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// distance is Levenshtein's: how many letters to add, remove or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
