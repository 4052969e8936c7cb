package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/checkup"
	"github.com/drainline/drainline/services/internal/topology"
	"github.com/drainline/drainline/services/shipper"
)

// Options say what to look at.
type Options struct {
	Config *config.Config
	// Version of Drainline, for Splunk's access log.
	Version string
	// Send has a test event sent to each URL of each destination.
	Send bool
	// As is the service whose part of the bus is looked at; empty is all of it.
	As string
	// Dial connects to the bus.
	Dial func(ctx context.Context) (*bus.Conn, error)
}

// Run looks at everything. It changes nothing, but for the event that Options.Send sends.
func Run(ctx context.Context, o Options) *Report {
	names := topology.Destinations(o.Config)
	sections, clocks := make([][]Section, len(names)), make([]clock, len(names))
	var onBus Section
	var running sync.WaitGroup
	for i, name := range names {
		running.Go(func() { sections[i], clocks[i] = destination(ctx, o, name) })
	}
	running.Go(func() { onBus = examineBus(ctx, o) })
	running.Wait()

	r := &Report{}
	r.add(Section{What: "configuration", Findings: []checkup.Finding{good("values", "sha "+o.Config.SHA())}})
	if len(names) == 0 {
		r.add(Section{What: "destinations", Findings: []checkup.Finding{
			warning("urls", "none is configured", "set SPLUNK_HEC_URL and SPLUNK_HEC_TOKEN, or destinations in the configuration"),
		}})
	}
	for _, s := range sections {
		r.add(s...)
	}
	r.add(onBus)
	r.add(disks(o.Config)...) // when nothing else is at work, for its times
	r.add(Section{What: "clock", Findings: []checkup.Finding{tell(clocks)}})
	return r
}

func destination(ctx context.Context, o Options, name string) ([]Section, clock) {
	what, d := "destination "+name, o.Config.Destinations[name]
	if d.Type == config.TypeDiscard {
		return []Section{{What: what, Findings: []checkup.Finding{skipped("urls", "discards everything, so that nothing is asked")}}}, clock{}
	}
	found, err := shipper.Examine(ctx, d, o.Version, o.Send)
	if err != nil {
		return []Section{{What: what, Findings: []checkup.Finding{
			failed("settings", err.Error(), "correct the setting, or let this user read the file"),
		}}}, clock{}
	}
	sections, its := make([]Section, len(found)), clock{}
	for i, x := range found {
		sections[i] = Section{What: what + ", " + x.URL, Findings: x.Findings}
		its.hear(x)
	}
	return sections, its
}

// tolerated is how far off a clock may be: events are shown in the order of their time.
const tolerated = 2 * time.Second

// clock is the answer that was furthest off.
type clock struct {
	heard bool
	url   string
	ahead time.Duration
}

func (c *clock) hear(x shipper.Examination) {
	if x.Dated && (!c.heard || x.Ahead.Abs() > c.ahead.Abs()) {
		*c = clock{heard: true, url: x.URL, ahead: x.Ahead}
	}
}

func tell(clocks []clock) checkup.Finding {
	var worst clock
	for _, c := range clocks {
		if c.heard && (!worst.heard || c.ahead.Abs() > worst.ahead.Abs()) {
			worst = c
		}
	}
	const check = "difference"
	way := "ahead of"
	if worst.ahead > 0 {
		way = "behind"
	}
	switch found := fmt.Sprintf("%v %s what %s says", worst.ahead.Abs().Round(time.Second), way, worst.url); {
	case !worst.heard:
		return skipped(check, "no answer of a destination had the time")
	case worst.ahead.Abs() > tolerated:
		return warning(check, found, "have this machine's clock set by NTP, such as with chronyd, or see to the one over there")
	default:
		return good(check, fmt.Sprintf("within %v of what the destinations say", tolerated))
	}
}
