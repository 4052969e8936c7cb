package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/display"
	"github.com/drainline/drainline/services/internal/topology"
)

// Say prints one line of what an operator needs to know at start.
func (p *Process) Say(what, text string) {
	fmt.Fprintf(p.Out, "%-11s %s\n", what, text)
}

// SayDestinations says where events go.
func (p *Process) SayDestinations() {
	for _, name := range topology.Destinations(p.Config) {
		d := p.Config.Destinations[name]
		where := name + " at " + strings.Join(d.URLs, ", ")
		if d.Type == config.TypeDiscard {
			where = name + ", which discards them"
		}
		p.Say("events to", where)
	}
}

// SayStreams says what the streams hold and may hold.
func (p *Process) SayStreams(ctx context.Context, c *bus.Conn) error {
	holdings, err := topology.New(p.Config, 0).Holdings(ctx, c)
	if err != nil {
		return err
	}
	for _, h := range holdings {
		p.Say("stream", fmt.Sprintf("%s holds %d messages, %s of %s", h.Name, h.Messages, display.Bytes(int64(h.Bytes)), display.Bytes(h.MaxBytes)))
	}
	return nil
}
