package splunk

import (
	"math/bits"
	"sync/atomic"
)

// stepBits is how finely each power of two is divided: 32 steps, so a value read back is at most 3 % too high.
const stepBits = 5

// A histogram counts nanoseconds in steps that grow with the value, so that any number of them fits into 15 KiB.
type histogram struct {
	steps [(64 - stepBits) << stepBits]atomic.Int64
}

// add counts one value. Clocks of two processes may differ, so a negative one counts as zero.
func (h *histogram) add(ns int64) {
	h.steps[step(max(ns, 0))].Add(1)
}

// step is the index for a value that is not negative: the position of its highest bit, then the bits below it.
func step(value int64) int {
	if value < 1<<stepBits {
		return int(value)
	}
	shift := bits.Len64(uint64(value)) - stepBits - 1
	return shift<<stepBits + int(value>>shift)
}

// above is the lowest value of the next step, the inverse of step.
func above(index int) int64 {
	next := index + 1
	if next < 2<<stepBits {
		return int64(next)
	}
	shift := next>>stepBits - 1
	return int64(next-shift<<stepBits) << shift
}

// quantile returns a value that a share q of the values does not exceed, or 0 if there are none.
func (h *histogram) quantile(q float64) int64 {
	var total int64
	for i := range h.steps {
		total += h.steps[i].Load()
	}
	rank := int64(q * float64(total))
	for i := range h.steps {
		rank -= h.steps[i].Load()
		if rank < 0 {
			return above(i)
		}
	}
	return 0
}
