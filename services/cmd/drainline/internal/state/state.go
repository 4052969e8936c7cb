// Package state is how all of an installation is, as its instances and the bus tell it.
package state

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/backlog"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/internal/topology"
	"github.com/drainline/drainline/services/shipper"
	"github.com/drainline/drainline/services/transform"
)

const (
	// askWait is how long instances have to answer.
	askWait = 2 * time.Second
	// lookWait is how long each look at the bus may take.
	lookWait = 10 * time.Second
	// idleAge is how long a rule matches nothing until it is told.
	idleAge = 7 * 24 * time.Hour
)

// State is how an installation is.
type State struct {
	At time.Time `json:"at"`
	// Notes say what could not be looked at and why.
	Notes        []string              `json:"notes,omitempty"`
	Instances    []app.Status          `json:"instances"`
	Streams      []backlog.Stream      `json:"streams"`
	Orphans      []topology.Holding    `json:"orphans,omitempty"`
	Destinations []Destination         `json:"destinations"`
	Drains       []Drain               `json:"expected_drains,omitempty"`
	Unknown      []ingest.UnknownDrain `json:"unknown_drains,omitempty"`
	Lost         []transform.Lost      `json:"lost_upstream,omitempty"`
	// IdleRules have matched nothing for seven days.
	IdleRules []string `json:"idle_rules,omitempty"`
	// Problems are what needs a human, a sentence each.
	Problems []string `json:"problems"`

	prefix string // of the names of streams
}

// Destination is how a destination is, over all instances of shipper.
type Destination struct {
	Name string `json:"name"`
	// State is the worst of the instances, Error why it is not shipping.
	State       string    `json:"state"`
	ParkedSince time.Time `json:"parked_since,omitzero"`
	Error       string    `json:"error,omitempty"`
	Shippers    int       `json:"shippers"`
	InFlight    int       `json:"in_flight"`
	Window      int       `json:"window"`
	PendingAcks int       `json:"pending_acks"`

	// Since the start of each instance.
	Delivered          int64 `json:"delivered"`
	Dead               int64 `json:"dead"`
	Dropped            int64 `json:"dropped"`
	PossibleDuplicates int64 `json:"possible_duplicates"`
	// URLs that take nothing, and why, by instance.
	URLs []shipper.URL `json:"urls,omitempty"`
}

// Drain is one that must not be silent for long.
type Drain struct {
	Token        string        `json:"token"`
	App          string        `json:"app,omitempty"`
	ExpectWithin time.Duration `json:"expect_within_ns"`
	// Last is when the latest of its events was received; zero when nothing is known.
	Last   time.Time `json:"last,omitzero"`
	Silent bool      `json:"silent"`
}

// Look looks at everything that the bus and those on it tell. What cannot be looked at is
// noted.
func Look(ctx context.Context, conn *bus.Conn, c *config.Config) *State {
	s := &State{At: time.Now(), prefix: c.Bus.Prefix}
	answers, asked := conn.Ask(ctx, askWait)
	if asked != nil {
		s.notef("instances: %v", asked)
	}
	s.answers(answers)
	c = s.withDestinations(c)
	s.expect(c)
	s.bus(ctx, conn, c)
	s.books(ctx, conn, c)
	s.judge(c, asked == nil) // who was not asked is not missing
	return s
}

// withDestinations is a configuration with the destinations that instances ship to: they
// may run with another one, and what somebody takes from is no orphan.
func (s *State) withDestinations(c *config.Config) *config.Config {
	with := *c
	with.Destinations = maps.Clone(c.Destinations)
	if with.Destinations == nil {
		with.Destinations = map[string]config.Destination{}
	}
	for _, d := range s.Destinations {
		if _, known := with.Destinations[d.Name]; !known {
			with.Destinations[d.Name] = config.Destination{}
		}
	}
	return &with
}

// Of is the state that one instance tells, where the bus cannot be asked. Why says so.
func Of(status app.Status, c *config.Config, why error) *State {
	s := &State{At: time.Now(), Instances: []app.Status{status}, prefix: c.Bus.Prefix}
	s.notef("only the instance at admin.listen %s was asked, the bus could not be: %v", c.Admin.Listen, why)
	s.facts()
	s.expect(c)
	s.read(&ledger.Books{}, c)
	s.judge(c, false)
	return s
}

func (s *State) notef(format string, a ...any) { s.Notes = append(s.Notes, fmt.Sprintf(format, a...)) }

func (s *State) answers(answers []bus.Answer) {
	seen := map[string]bool{}
	for _, a := range answers {
		var status app.Status
		err := a.Err
		if err == nil {
			err = json.Unmarshal(a.Content, &status)
		}
		switch {
		case err != nil:
			s.notef("the answer of an instance cannot be read, it may be of another version: %v", err)
		case !seen[status.Instance]: // during a reload it may answer twice
			seen[status.Instance] = true
			s.Instances = append(s.Instances, status)
		}
	}
	slices.SortFunc(s.Instances, func(a, b app.Status) int {
		return cmp.Or(slices.Compare(a.Services, b.Services), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Instance, b.Instance))
	})
	s.facts()
}

// facts merges what the instances tell.
func (s *State) facts() {
	for i := range s.Instances {
		of := &s.Instances[i]
		for _, d := range fact[shipper.Destination](s, of, shipper.FactDestinations) {
			s.destination(d)
		}
		s.Unknown = append(s.Unknown, fact[ingest.UnknownDrain](s, of, ingest.FactUnknownDrains)...)
		s.Lost = append(s.Lost, fact[transform.Lost](s, of, transform.FactLost)...)
		if streams := fact[backlog.Stream](s, of, app.FactBacklog); len(streams) > 0 {
			s.Streams = streams
		}
	}
	s.Unknown = latest(s.Unknown)
	s.Lost = most(s.Lost)
}

// fact is a list that an instance tells under a name, none where it tells nothing.
func fact[T any](s *State, of *app.Status, name string) []T {
	content, told := of.Facts[name]
	if !told {
		return nil
	}
	var list []T
	if err := json.Unmarshal(content, &list); err != nil {
		s.notef("%s of instance %s cannot be read, it may be of another version: %v", name, short(of.Instance), err)
	}
	return list
}

// worse orders the states of destinations.
var worse = map[string]int{shipper.StateShipping: 0, shipper.StateRetrying: 1, shipper.StateParked: 2}

func (s *State) destination(d shipper.Destination) {
	i := slices.IndexFunc(s.Destinations, func(known Destination) bool { return known.Name == d.Name })
	if i < 0 {
		i = len(s.Destinations)
		s.Destinations = append(s.Destinations, Destination{Name: d.Name, State: d.State})
	}
	sum := &s.Destinations[i]
	if worse[d.State] > worse[sum.State] {
		sum.State, sum.Error = d.State, d.Error
	}
	sum.Error = cmp.Or(sum.Error, d.Error)
	if !d.ParkedSince.IsZero() && (sum.ParkedSince.IsZero() || d.ParkedSince.Before(sum.ParkedSince)) {
		sum.ParkedSince = d.ParkedSince
	}
	sum.Shippers++
	sum.InFlight, sum.Window, sum.PendingAcks = sum.InFlight+d.InFlight, sum.Window+d.Window, sum.PendingAcks+d.PendingAcks
	sum.Delivered, sum.Dead, sum.Dropped = sum.Delivered+d.Delivered, sum.Dead+d.Dead, sum.Dropped+d.Dropped
	sum.PossibleDuplicates += d.PossibleDuplicates
	for _, u := range d.URLs {
		if u.Error != "" {
			sum.URLs = append(sum.URLs, u)
		}
	}
}

// latest are unknown drains, each once, the last seen first.
func latest(drains []ingest.UnknownDrain) []ingest.UnknownDrain {
	at := map[string]int{}
	var list []ingest.UnknownDrain
	for _, d := range drains {
		n, known := at[d.Token]
		if !known {
			at[d.Token] = len(list)
			list = append(list, d)
			continue
		}
		sum := &list[n]
		sum.Requests, sum.Frames = sum.Requests+d.Requests, sum.Frames+d.Frames
		if d.LastSeen.After(sum.LastSeen) {
			sum.LastSeen, sum.App, sum.Credential = d.LastSeen, d.App, d.Credential
		}
		if d.FirstSeen.Before(sum.FirstSeen) {
			sum.FirstSeen = d.FirstSeen
		}
	}
	slices.SortStableFunc(list, func(a, b ingest.UnknownDrain) int { return b.LastSeen.Compare(a.LastSeen) })
	return list
}

// most adds up what was lost by input and code, most first.
func most(lost []transform.Lost) []transform.Lost {
	var list []transform.Lost
	for _, l := range lost {
		i := slices.IndexFunc(list, func(known transform.Lost) bool { return known.Input == l.Input && known.Code == l.Code })
		if i < 0 {
			list = append(list, l)
			continue
		}
		list[i].Messages += l.Messages
	}
	slices.SortStableFunc(list, func(a, b transform.Lost) int { return cmp.Compare(b.Messages, a.Messages) })
	return list
}

// bus looks at the streams themselves. How fast they fill is what instances have seen.
func (s *State) bus(ctx context.Context, conn *bus.Conn, c *config.Config) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	plan := topology.New(c, 0)
	holdings, err := plan.Holdings(ctx, conn)
	if err != nil {
		s.notef("streams: %v", err)
	}
	told := s.Streams
	if len(holdings) > 0 {
		s.Streams = make([]backlog.Stream, len(holdings))
	}
	for i, h := range holdings {
		s.Streams[i].Holding = h
		n := slices.IndexFunc(told, func(t backlog.Stream) bool { return t.Name == h.Name })
		if n < 0 {
			continue
		}
		s.Streams[i].ToFull = told[n].ToFull
		if (told[n].Messages == 0) == (h.Messages == 0) { // what was empty says nothing of what is not
			s.Streams[i].ToDrain = told[n].ToDrain
		}
	}
	if s.Orphans, err = plan.Orphans(ctx, conn); err != nil {
		s.notef("orphans: %v", err)
	}
}

// books finds in the books who was silent for how long, and which rules did nothing. What
// instances have seen tells of drains, too.
func (s *State) books(ctx context.Context, conn *bus.Conn, c *config.Config) {
	back := time.Duration(0)
	for _, d := range c.Drains {
		back = max(back, d.ExpectWithin)
	}
	if len(c.Rules) > 0 {
		back = max(back, idleAge)
	}
	if back == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	books, err := ledger.Read(ctx, conn, s.At.Add(-back-time.Hour))
	if err != nil {
		s.notef("%v", err)
		books = &ledger.Books{}
	}
	s.read(books, c)
}

func (s *State) read(books *ledger.Books, c *config.Config) {
	last, matched := map[string]time.Time{}, map[string]bool{}
	for _, r := range books.Rows {
		if r.Last.After(last[r.Input]) {
			last[r.Input] = r.Last
		}
		matched[r.Rule] = matched[r.Rule] || r.Matched.Events > 0
	}
	for i := range s.Drains {
		s.Drains[i].judge(s, last)
	}
	if books.From.IsZero() || s.At.Sub(books.From) < idleAge {
		return // they do not go back far enough
	}
	for _, r := range c.Rules {
		if r.Name != "" && !matched[r.Name] {
			s.IdleRules = append(s.IdleRules, r.Name)
		}
	}
}

// expect notes when the drains that must not be silent were seen last, by the instances of
// ingest, each of which knows it since its start.
func (s *State) expect(c *config.Config) {
	seen := map[string]time.Time{}
	for i := range s.Instances {
		for _, d := range fact[ingest.ExpectedDrain](s, &s.Instances[i], ingest.FactExpectedDrains) {
			if d.LastSeen.After(seen[d.Token]) {
				seen[d.Token] = d.LastSeen
			}
		}
	}
	for _, d := range c.Drains {
		if d.ExpectWithin > 0 {
			s.Drains = append(s.Drains, Drain{Token: d.Token, App: d.App, ExpectWithin: d.ExpectWithin, Last: seen[d.Token]})
		}
	}
}

// judge says whether the drain is silent. An instance that has not run for as long as the
// drain may be silent proves nothing: the drain may have been seen before it. By the books
// (last, by input) the app that the configuration gives it was silent, or was not.
func (d *Drain) judge(s *State, last map[string]time.Time) {
	late := func(at time.Time) bool { return s.At.Sub(at) > d.ExpectWithin }
	byBooks := d.App != "" && !last[d.App].IsZero()
	switch {
	case !late(d.Last):
	case s.ingestRan(d.ExpectWithin):
		d.Silent = true
	case byBooks:
		d.Silent = late(last[d.App])
	}
	if d.Silent && d.Last.IsZero() && byBooks && late(last[d.App]) {
		d.Last = last[d.App]
	}
}

// ingestRan says whether every instance of ingest has run for so long, and there is one.
func (s *State) ingestRan(age time.Duration) bool {
	ran := false
	for i := range s.Instances {
		if !slices.Contains(s.Instances[i].Services, wire.StageIngest) {
			continue
		}
		if s.At.Sub(s.Instances[i].Started) < age {
			return false
		}
		ran = true
	}
	return ran
}

// short is what of a name or hash is enough to tell it from others.
func short(name string) string { return name[:min(len(name), 8)] }
