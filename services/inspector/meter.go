package inspector

import "time"

// meterSeconds is the window of the rate: whole seconds that have passed.
const meterSeconds = 5

// meter counts by the second, for a rate.
type meter struct {
	seconds [meterSeconds + 1]struct {
		at int64 // seconds since 1970
		n  int
	}
}

func (m *meter) add(now time.Time, n int) {
	second := &m.seconds[now.Unix()%int64(len(m.seconds))]
	if second.at != now.Unix() {
		second.at, second.n = now.Unix(), 0
	}
	second.n += n
}

func (m *meter) perSecond(now time.Time) float64 {
	sum := 0
	for _, second := range m.seconds {
		if age := now.Unix() - second.at; age >= 1 && age <= meterSeconds {
			sum += second.n
		}
	}
	return float64(sum) / meterSeconds
}
