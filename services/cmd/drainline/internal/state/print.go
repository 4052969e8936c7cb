package state

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/drainline/drainline/services/internal/backlog"
	"github.com/drainline/drainline/services/internal/display"
)

// What is shown of a list, and of a text in a line of 80 characters.
const (
	shownLost   = 5
	shownDrains = 20
	width       = 80
)

// screen writes tables one after the other.
type screen struct{ text strings.Builder }

// table writes a table with a line between it and the one before, and none without rows.
func (p *screen) table(head string, rows func(row func(cells ...string))) {
	var lines []string
	rows(func(cells ...string) {
		for i := range cells {
			cells[i] = display.Text(cells[i])
		}
		lines = append(lines, strings.Join(cells, "\t"))
	})
	if lines == nil {
		return
	}
	if p.text.Len() > 0 {
		p.text.WriteByte('\n')
	}
	t := tabwriter.NewWriter(&p.text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head+"\n"+strings.Join(lines, "\n"))
	_ = t.Flush() // a strings.Builder takes everything
}

// Print prints one screen for people, with what needs one of them at the end.
func (s *State) Print(w io.Writer) error {
	p := &screen{}
	for _, n := range s.Notes {
		p.text.WriteString(wrapped("! ", n))
	}
	s.printInstances(p)
	s.printStreams(p)
	s.printDestinations(p)
	s.printDrains(p)
	if len(s.IdleRules) > 0 {
		p.text.WriteString("\n" + wrapped("", "rules that matched nothing for seven days: "+strings.Join(s.IdleRules, ", ")))
	}
	p.text.WriteByte('\n')
	if len(s.Problems) == 0 {
		p.text.WriteString("Nothing needs you.\n")
	} else {
		p.text.WriteString("NEEDS YOU\n")
	}
	for _, problem := range s.Problems {
		p.text.WriteString(wrapped("* ", problem))
	}
	_, err := io.WriteString(w, p.text.String())
	return err //nolint:wrapcheck // says what it is
}

func (s *State) printInstances(p *screen) {
	p.table("INSTANCE\tSERVICES\tVERSION\tCONFIG\tUP\tREADY", func(row func(cells ...string)) {
		for _, i := range s.Instances {
			ready := "yes"
			if !i.Ready {
				ready = "NO"
			}
			services := strings.Join(i.Services, "+")
			if len(i.Services) > 2 {
				services = "all in one"
			}
			row(short(i.Instance), services, display.Cut(i.Version, 16), short(i.Configuration), display.Span(s.At.Sub(i.Started)), ready+" on "+display.Cut(i.Host, 20))
		}
	})
	for _, i := range s.Instances {
		for _, check := range slices.Sorted(maps.Keys(i.Checks)) {
			if reason := i.Checks[check]; reason != "ok" {
				p.text.WriteString(wrapped("  ", short(i.Instance)+" "+check+": "+reason))
			}
		}
	}
}

func (s *State) printStreams(p *screen) {
	p.table("STREAM\tMESSAGES\tTAKEN\tBYTES\tLIMIT\tOLDEST\tFULL IN\tEMPTY IN", func(row func(cells ...string)) {
		for _, h := range s.Streams {
			oldest, taken, empty := "-", "-", "-"
			if !h.Oldest.IsZero() {
				oldest = display.Span(s.At.Sub(h.Oldest))
			}
			if h.Consumed {
				taken, empty = strconv.Itoa(h.Unacked), forecast(h.ToDrain)
			}
			row(strings.TrimPrefix(h.Name, s.prefix+"_"), strconv.FormatUint(h.Messages, 10), taken, display.Bytes(int64(h.Bytes)), limit(h), oldest, forecast(h.ToFull), empty)
		}
	})
	p.table("ORPHAN\tMESSAGES\tBYTES", func(row func(cells ...string)) {
		for _, o := range s.Orphans {
			row(o.Name, strconv.FormatUint(o.Messages, 10), display.Bytes(int64(o.Bytes)))
		}
	})
}

func limit(h backlog.Stream) string {
	if h.MaxBytes <= 0 {
		return "no limit"
	}
	return fmt.Sprintf("%s %d%%", display.Bytes(h.MaxBytes), int64(float64(h.Bytes)/float64(h.MaxBytes)*100))
}

func forecast(seconds *float64) string {
	if seconds == nil {
		return "-"
	}
	return span(*seconds)
}

func (s *State) printDestinations(p *screen) {
	p.table("DESTINATION\tSTATE\tDELIVERED\tDEAD\tDROPPED\tIN FLIGHT\tACKS PENDING", func(row func(cells ...string)) {
		for _, d := range s.Destinations {
			state := d.State
			if !d.ParkedSince.IsZero() {
				state += " " + display.Span(s.At.Sub(d.ParkedSince))
			}
			row(d.Name, state, strconv.FormatInt(d.Delivered, 10), strconv.FormatInt(d.Dead, 10), strconv.FormatInt(d.Dropped, 10),
				fmt.Sprintf("%d of %d", d.InFlight, d.Window), strconv.Itoa(d.PendingAcks))
		}
	})
	for _, d := range s.Destinations {
		if d.PossibleDuplicates > 0 {
			p.text.WriteString(wrapped("  ", fmt.Sprintf("%s: %d may be there twice, their answers were lost", d.Name, d.PossibleDuplicates)))
		}
		if d.Error != "" {
			p.text.WriteString(wrapped("  ", d.Name+": "+d.Error))
		}
		for _, u := range d.URLs {
			if len(d.URLs) > 1 || d.Error == "" {
				p.text.WriteString(wrapped("  ", d.Name+" "+string(u.State)+": "+u.Error))
			}
		}
	}
}

func (s *State) printDrains(p *screen) {
	p.table("EXPECTED DRAIN\tLAST SEEN\tWITHIN\t", func(row func(cells ...string)) {
		for _, d := range s.Drains {
			silent, seen := "", "never"
			if d.Silent {
				silent = "SILENT"
			}
			if !d.Last.IsZero() {
				seen = display.Span(s.At.Sub(d.Last)) + " ago"
			}
			row(display.Cut(cmp.Or(d.App, d.Token), 40), seen, display.Span(d.ExpectWithin), silent)
		}
	})
	p.table("UNKNOWN DRAIN\tAPP\tCREDENTIAL\tREQUESTS\tFRAMES\tLAST SEEN", func(row func(cells ...string)) {
		for i, d := range s.Unknown {
			if i == shownDrains {
				row(fmt.Sprintf("and %d more", len(s.Unknown)-shownDrains))
				break
			}
			row(display.Cut(d.Token, 40), cmp.Or(display.Cut(d.App, 20), "-"), display.Cut(d.Credential, 20), strconv.Itoa(d.Requests), strconv.Itoa(d.Frames),
				display.Span(s.At.Sub(d.LastSeen))+" ago")
		}
	})
	if len(s.Unknown) > 0 {
		p.text.WriteString("\nList them in the configuration, or have `drainline drains import` do it:\ndrains:\n")
		for _, d := range s.Unknown[:min(len(s.Unknown), shownDrains)] {
			fmt.Fprintf(&p.text, "  - {token: %s, app: %s}\n", quoted(d.Token), quoted(cmp.Or(d.App, "NAME")))
		}
		if more := len(s.Unknown) - shownDrains; more > 0 {
			fmt.Fprintf(&p.text, "  # and %d more\n", more)
		}
	}
	p.table("LOST BEFORE IT CAME HERE\tCODE\tMESSAGES", func(row func(cells ...string)) {
		for i, l := range s.Lost {
			if i == shownLost {
				row(fmt.Sprintf("and of %d more", len(s.Lost)-shownLost))
				break
			}
			row(display.Cut(l.Input, 40), l.Code, strconv.FormatInt(l.Messages, 10))
		}
	})
}

// quoted is visible ASCII text as YAML, where it is not taken for a number or a variable.
func quoted(s string) string { return strconv.Quote(strings.ReplaceAll(s, "$", "$$")) }

// wrapped is a sentence in lines of 80 characters, the first with a mark before it.
func wrapped(mark, sentence string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(display.Text(sentence)) {
		switch {
		case i == 0:
			b.WriteString(mark)
			column = len(mark)
		case column+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", len(mark)))
			column = len(mark)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	b.WriteByte('\n')
	return b.String()
}
