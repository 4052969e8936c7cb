package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/display"
	"github.com/drainline/drainline/services/shipper"
)

// A stream that is full so soon needs somebody, once it holds so many percent of what it
// may: before that it is a burst.
const (
	soonFull  = 4 * time.Hour
	notABurst = 10
)

func (s *State) problemf(format string, a ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, a...))
}

// judge lists what needs a human. Whole says that all of the installation was looked at.
func (s *State) judge(c *config.Config, whole bool) {
	s.Problems = []string{}
	if whole {
		s.judgeServices()
	}
	s.judgeInstances()
	s.judgeDestinations()
	s.judgeStreams(wire.Names{Prefix: c.Bus.Prefix})
	for _, d := range s.Drains {
		if d.Silent {
			s.problemf("drain %s is silent: %s, expected within %s", d.name(), s.ago(d.Last), display.Span(d.ExpectWithin))
		}
	}
	if n := len(s.Unknown); n > 0 {
		s.problemf("%d drains send and are not in the configuration: list them under drains", n)
	}
}

// judgeServices says which service runs nowhere.
func (s *State) judgeServices() {
	runs := map[string]bool{}
	for _, i := range s.Instances {
		for _, service := range i.Services {
			runs[service] = true
		}
	}
	for _, service := range []string{wire.StageIngest, wire.StageTransform, wire.StageShipper} {
		if !runs[service] {
			s.problemf("no %s answers on the bus: start one, or see its log", service)
		}
	}
}

// told elsewhere, and once for all instances.
var told = map[string]bool{"destinations": true, "streams": true}

func (s *State) judgeInstances() {
	for _, i := range s.Instances {
		for _, check := range slices.Sorted(maps.Keys(i.Checks)) {
			if reason := i.Checks[check]; reason != "ok" && !told[check] {
				s.problemf("instance %s: %s: %s", short(i.Instance), check, reason)
			}
		}
	}
	s.judgeDifference("configuration", func(i app.Status) string { return short(i.Configuration) })
	s.judgeDifference("version", func(i app.Status) string { return i.Version })
}

func (s *State) judgeDifference(what string, of func(app.Status) string) {
	values := map[string]bool{}
	for _, i := range s.Instances {
		values[of(i)] = true
	}
	if len(values) > 1 {
		s.problemf("instances differ in their %s: %s", what, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	}
}

func (s *State) judgeDestinations() {
	for _, d := range s.Destinations {
		switch {
		case d.State == shipper.StateParked:
			s.problemf("destination %s is parked for %s: %s", d.Name, display.Span(s.At.Sub(d.ParkedSince)), cmp.Or(d.Error, "see its log"))
		case d.State == shipper.StateShipping && d.Error != "":
			s.problemf("destination %s: %s", d.Name, d.Error)
		}
	}
}

func (s *State) judgeStreams(names wire.Names) {
	for _, h := range s.Streams {
		switch {
		case h.Full():
			s.problemf("stream %s is full: %s of %s", h.Name, display.Bytes(int64(h.Bytes)), display.Bytes(h.MaxBytes))
		case h.ToFull != nil && *h.ToFull < soonFull.Seconds() && int64(h.Bytes) > h.MaxBytes/100*notABurst:
			s.problemf("stream %s is full in %s as it goes now", h.Name, span(*h.ToFull))
		}
		if h.Name == names.DeadStream() && h.Messages > 0 {
			s.problemf("%d dead letters are kept: see `drainline dead list`", h.Messages)
		}
	}
	for _, o := range s.Orphans {
		if o.Messages > 0 && (strings.HasPrefix(o.Name, names.RawStream("")) || strings.HasPrefix(o.Name, names.EventsStream(""))) {
			s.problemf("nothing takes the %d messages of stream %s, which is not in the configuration: put it back, or delete the stream", o.Messages, o.Name)
		}
	}
}

func span(seconds float64) string { return display.Span(time.Duration(seconds * float64(time.Second))) }

// name is the token, with the app where one is known: an app may have several drains.
func (d *Drain) name() string {
	if d.App == "" {
		return d.Token
	}
	return d.Token + " of " + d.App
}

// ago is how long ago something was seen.
func (s *State) ago(at time.Time) string {
	if at.IsZero() {
		return "never seen"
	}
	return "last seen " + display.Span(s.At.Sub(at)) + " ago"
}
