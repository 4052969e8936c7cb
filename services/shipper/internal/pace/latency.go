package pace

import "time"

const (
	// smoothing is how many answers the moving average is of, about.
	smoothing = 8
	// slack is by how much answers may differ for no reason, beside half of themselves.
	slack = 5 * time.Millisecond
	// remembered is for how long at least it is known how fast answers have been, and
	// half of how long at most: a collector that has become slower for good, or
	// requests that have grown, are then the measure.
	remembered = 2 * time.Minute
)

// latency is a moving average of the time to an answer, and the least that it has
// been of late.
type latency struct {
	average time.Duration
	least   [2]time.Duration // in this stretch of time and in the one before
	turned  time.Time        // when this stretch began
}

func (l *latency) note(took time.Duration, now time.Time) {
	if passed := now.Sub(l.turned); passed >= 2*remembered { // or never used before
		*l = latency{average: took, least: [2]time.Duration{took, took}, turned: now}
		return
	} else if passed >= remembered {
		l.least[1], l.least[0] = l.least[0], l.average
		l.turned = now
	}
	l.average += (took - l.average) / smoothing
	l.least[0] = min(l.least[0], l.average)
}

// flat says that answers take about as long as they took when they were fastest.
func (l *latency) flat() bool {
	baseline := min(l.least[0], l.least[1])
	return l.average <= baseline+baseline/2+slack
}
