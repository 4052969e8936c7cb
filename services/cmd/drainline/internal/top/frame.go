package top

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Frame is what is shown at one time. Rates are events or bytes of license a second.
type Frame struct {
	At time.Time `json:"at"`
	// Instances that have answered within the last ten seconds, and how many of them are
	// ready and have answered now.
	Instances int `json:"instances"`
	Ready     int `json:"ready"`
	// Versions that run.
	Versions     []string      `json:"versions"`
	Total        App           `json:"total"`
	Apps         []App         `json:"apps"`
	Destinations []Destination `json:"destinations"`
	Streams      []Stream      `json:"streams"`
	// Unread says what could not be learnt.
	Unread string `json:"unread,omitempty"`
}

// App is what flows from one app; where no app is known its drain token or credential
// stands for it.
type App struct {
	Name string `json:"app,omitempty"`
	// In and Bytes are taken in from blocks. Out are delivered, to each destination, and
	// Filtered those that a rule or a route keeps from every destination.
	In       float64 `json:"in"`
	Bytes    float64 `json:"bytes"`
	Out      float64 `json:"out"`
	Filtered float64 `json:"filtered"`
	// Failing are errors a second: the growth of the three that follow, which count since
	// the start of the instances.
	Failing float64 `json:"failing"`
	Dead    int64   `json:"dead"`
	Dropped int64   `json:"dropped"`
	Lost    int64   `json:"lost_upstream"`
	// Lag is how long ago the latest event that reached its destination had been received,
	// in seconds, while that goes on or others wait. It is -1 where nothing moves.
	Lag float64 `json:"lag"`
}

// errors are all that did not get where it should, since the start of the instances.
func (a *App) errors() int64 { return a.Dead + a.Dropped + a.Lost }

// Destination is how one is over all instances.
type Destination struct {
	Name  string  `json:"name"`
	State string  `json:"state"`
	Out   float64 `json:"out"`
	// InFlight requests, of which there may be Window now.
	InFlight    int       `json:"in_flight"`
	Window      int       `json:"window"`
	ParkedSince time.Time `json:"parked_since,omitzero"`
	Error       string    `json:"error,omitempty"`
}

// Order is what apps are sorted by.
type Order rune

// The orders are the keys that choose them.
const (
	ByApp    Order = 'a'
	ByRate   Order = 'r'
	ByBytes  Order = 'b'
	ByLag    Order = 'l'
	ByErrors Order = 'e'
)

// Sort sorts apps, what is most first and equals by name.
func Sort(apps []App, by Order) {
	slices.SortFunc(apps, func(a, b App) int {
		most := 0
		switch by {
		case ByRate:
			most = cmp.Compare(b.In, a.In)
		case ByBytes:
			most = cmp.Compare(b.Bytes, a.Bytes)
		case ByLag:
			most = cmp.Compare(b.Lag, a.Lag)
		case ByErrors:
			most = cmp.Or(cmp.Compare(b.Failing, a.Failing), cmp.Compare(b.errors(), a.errors()))
		case ByApp:
		}
		return cmp.Or(most, strings.Compare(a.Name, b.Name))
	})
}

// SortDestinations sorts destinations, those that ship least first and equals by name.
func SortDestinations(destinations []Destination) {
	slices.SortFunc(destinations, func(a, b Destination) int {
		return cmp.Or(worse[b.State]-worse[a.State], strings.Compare(a.Name, b.Name))
	})
}

// SortStreams sorts streams, the fullest first, of these the one with the most messages.
func SortStreams(streams []Stream) {
	slices.SortFunc(streams, func(a, b Stream) int {
		return cmp.Or(cmp.Compare(b.full(), a.full()), cmp.Compare(b.Messages, a.Messages), strings.Compare(a.Name, b.Name))
	})
}

// full is how much of its bytes a stream has, from 0 to 1; 0 where it may have any.
func (t *Stream) full() float64 {
	if t.MaxBytes <= 0 {
		return 0
	}
	return float64(t.Bytes) / float64(t.MaxBytes)
}
