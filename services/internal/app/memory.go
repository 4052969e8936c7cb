package app

import (
	"os"
	"runtime/debug"
)

// memoryLimit is when the garbage collector begins to work harder, in bytes of
// what Go manages. All that may grow is bounded well below it; without a limit
// the collector would let garbage be as large again.
const memoryLimit = 160 << 20

// limitMemory leaves the choice to GOMEMLIMIT and GOGC where they are set.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
