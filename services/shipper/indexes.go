package shipper

import (
	"log/slog"
	"strings"
	"sync"

	"github.com/drainline/drainline/services/internal/telemetry"
)

// keptUnknown bounds of how many pairs of app and index it is remembered that they were told.
const keptUnknown = 1000

// unknownIndexes tells once of each app and index that an event was for an index that
// does not exist, or that Splunk refuses: not once an event.
type unknownIndexes struct {
	count *telemetry.Counter

	mu   sync.Mutex
	told map[[2]string]struct{}
}

func newUnknownIndexes(m *telemetry.Metrics, destination string) *unknownIndexes {
	return &unknownIndexes{
		count: m.Counter("drainline_shipper_unknown_index", destination),
		told:  map[[2]string]struct{}{},
	}
}

// note counts events of an app, and tells of them if that is news.
func (u *unknownIndexes) note(log *slog.Logger, app, index string, events int, policy string) {
	u.count.Add(events)
	u.mu.Lock()
	_, known := u.told[[2]string{app, index}]
	news := !known && len(u.told) < keptUnknown
	if news {
		u.told[[2]string{strings.Clone(app), strings.Clone(index)}] = struct{}{}
	}
	u.mu.Unlock()
	if news {
		log.Warn("events are for an index that the destination does not have: create it, list it under indexes, or mend the app's index",
			"app", app, "index", index, "on_unknown_index", policy)
	}
}
