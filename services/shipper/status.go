package shipper

import (
	"maps"
	"slices"
	"time"

	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

// FactDestinations is the name under which GET /status has what Destinations returns.
const FactDestinations = "destinations"

// Destination is how one destination is.
type Destination struct {
	Name string `json:"name"`
	// State is shipping, retrying (no URL takes events, which may pass by itself) or
	// parked (somebody has to put something right).
	State string `json:"state"`
	// ParkedSince is when it was parked; zero when it is not.
	ParkedSince time.Time `json:"parked_since,omitzero"`
	// Error says why it is not shipping, or why dead letters cannot be stored.
	Error string `json:"error,omitempty"`
	// InFlight requests, of which there may be Window now.
	InFlight int `json:"in_flight"`
	Window   int `json:"window"`
	// PendingAcks are requests that Splunk has accepted and not yet acknowledged.
	PendingAcks int `json:"pending_acks"`
	// MaxBytes is what requests are bounded to since one was refused as too large (413);
	// zero while none was.
	MaxBytes int `json:"max_bytes,omitempty"`

	Delivered          int64 `json:"delivered"`
	Dead               int64 `json:"dead"`
	Dropped            int64 `json:"dropped"`
	PossibleDuplicates int64 `json:"possible_duplicates"`

	URLs []URL `json:"urls"`
}

// URL is how one endpoint of a destination is.
type URL = endpoint.URLState

// The words of Destination.State.
const (
	StateShipping = "shipping"
	StateRetrying = "retrying"
	StateParked   = "parked"
)

// Destinations says how each destination is, by name.
func (s *Shipper) Destinations() []Destination {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Destination, 0, len(s.destinations))
	for _, name := range slices.Sorted(maps.Keys(s.destinations)) {
		list = append(list, s.destinations[name].status())
	}
	return list
}

func (d *destination) status() Destination {
	now := d.settings()
	s := Destination{
		Name: d.name, State: StateShipping, InFlight: int(d.flying.Load()), Window: d.window.Size(), PendingAcks: d.tracker.Pending(),
		MaxBytes: int(now.taken.Load()), Delivered: d.meters.delivered.Load(), Dead: d.meters.dead.Load(), Dropped: d.meters.dropped.Load(),
		PossibleDuplicates: d.meters.possibleDuplicates.Load(),
	}
	if since := d.parking.parkedSince(); !since.IsZero() {
		s.State, s.ParkedSince = StateParked, since
	} else if now.client.Healthy() != nil {
		s.State = StateRetrying
	}
	if err := d.healthy(); err != nil {
		s.Error = err.Error()
	}
	s.URLs = now.client.URLs()
	return s
}
