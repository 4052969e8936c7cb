// Package nearest finds the name that was meant.
package nearest

import (
	"slices"
)

// maxCompared bounds the work for a name that nobody meant, in bytes.
const maxCompared = 100

// Hint is the end of a sentence about an unknown name: which of the known is spelled
// most like it. It is empty when none is known.
func Hint(name string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	name = name[:min(len(name), maxCompared)]
	best := slices.MinFunc(slices.Sorted(slices.Values(known)), func(a, b string) int { return distance(name, a) - distance(name, b) })
	return ", the nearest is " + best
}

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
