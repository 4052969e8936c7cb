//go:build race

package e2e

// race says that the tests, and so the programs, are built with the race detector.
const race = true
