package top

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/drainline/drainline/services/internal/display"
	"github.com/drainline/drainline/services/shipper"
)

// Style is how a frame is shown.
type Style struct {
	strong, bad, quiet lipgloss.Style
}

// NewStyle makes a style with what the terminal behind r can do: without one, or with
// NO_COLOR, no colours.
func NewStyle(r *lipgloss.Renderer) Style {
	return Style{strong: r.NewStyle().Bold(true), bad: r.NewStyle().Foreground(lipgloss.Color("1")).Bold(true), quiet: r.NewStyle().Faint(true)}
}

// View is a part of a frame's apps, as wide and high as it fits.
type View struct {
	Width  int
	Height int // 0 for all apps
	By     Order
	Skip   int // apps scrolled past
	Style  Style
}

// columns have the width of 80 characters with the narrowest name.
const (
	numbers  = "%8s %9s %8s %8s %7s %7s %6s"
	wide     = 8 + 9 + 8 + 8 + 7 + 7 + 6 + 6
	leastApp = 8
)

// Rows is how many apps fit below the head of a frame.
func (v View) Rows(f *Frame) int {
	if v.Height == 0 {
		return len(f.Apps)
	}
	return max(1, v.Height-len(v.head(f))-2)
}

// Render is the frame in lines that are no wider than the view.
func (v View) Render(f *Frame) string {
	SortDestinations(f.Destinations)
	SortStreams(f.Streams)
	s, lines := v.Style, v.head(f)
	name := max(leastApp, v.Width-wide-1)
	lines = append(lines, s.strong.Render(v.titles(name)))
	Sort(f.Apps, v.By)
	rows := v.Rows(f)
	skip := min(v.Skip, max(0, len(f.Apps)-rows))
	shown := f.Apps[skip:min(len(f.Apps), skip+rows)]
	for i := range shown {
		lines = append(lines, row(&shown[i], name, s))
	}
	if v.Height > 0 {
		for len(lines) < v.Height-1 {
			lines = append(lines, "")
		}
		lines = append(lines, s.quiet.Render(footer(skip, len(shown), len(f.Apps))))
		lines = lines[max(0, len(lines)-v.Height):]
	}
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], v.Width, "…")
	}
	return strings.Join(lines, "\n")
}

func footer(skip, shown, all int) string {
	keys := "sort: a app  r rate  b bytes  l lag  e errors   ↑↓ scroll   q quit"
	if shown < all {
		return fmt.Sprintf("%d-%d of %d   %s", skip+1, skip+shown, all, keys)
	}
	return keys
}

// titles marks what the apps are sorted by.
func (v View) titles(name int) string {
	title := func(by Order, text string) string {
		if by == v.By {
			return "▼" + text
		}
		return text
	}
	return padded(title(ByApp, "APP"), name) + " " + fmt.Sprintf(
		numbers, title(ByRate, "IN/s"), title(ByBytes, "BYTES/s"), "OUT/s", "FILT/s", title(ByErrors, "DEAD"), "LOST", title(ByLag, "LAG"),
	)
}

func row(a *App, name int, s Style) string {
	text := padded(display.Text(a.Name), name) + " " +
		fmt.Sprintf(numbers, amount(a.In), display.Bytes(int64(a.Bytes)), amount(a.Out), amount(a.Filtered), count(float64(a.Dead+a.Dropped)), count(float64(a.Lost)), lag(a.Lag))
	if a.Failing > 0 {
		return s.bad.Render(text)
	}
	return text
}

// padded is a text of just so many cells.
func padded(text string, cells int) string {
	text = ansi.Truncate(text, cells, "…")
	return text + strings.Repeat(" ", max(0, cells-ansi.StringWidth(text)))
}

// head is what is above the apps.
func (v View) head(f *Frame) []string {
	s := v.Style
	versions := ""
	if len(f.Versions) > 0 {
		versions = "  " + display.Text(strings.Join(f.Versions, ", "))
	}
	ready := fmt.Sprintf("%d of %d instances ready", f.Ready, f.Instances)
	if f.Ready < f.Instances || f.Instances == 0 {
		ready = s.bad.Render(ready)
	}
	t := &f.Total
	lines := []string{
		s.strong.Render("drainline top") + "  " + f.At.Format(time.TimeOnly) + "  " + ready + versions,
		fmt.Sprintf("in %s/s %s/s  out %s/s  filt %s/s  dead %s  dropped %s  lost %s  lag %s",
			amount(t.In), display.Bytes(int64(t.Bytes)), amount(t.Out), amount(t.Filtered), count(float64(t.Dead)), count(float64(t.Dropped)), count(float64(t.Lost)), lag(t.Lag)),
	}
	if f.Unread != "" {
		lines = append(lines, s.bad.Render(display.Text(f.Unread)))
	}
	destinations, streams := v.share(len(lines), f)
	for i := range destinations {
		if i == destinations-1 && len(f.Destinations) > destinations {
			lines = append(lines, fmt.Sprintf("and %d more destinations", len(f.Destinations)-i))
			break
		}
		lines = append(lines, destination(&f.Destinations[i], f.At, s))
	}
	for i := range streams {
		if i == streams-1 && len(f.Streams) > streams {
			lines = append(lines, fmt.Sprintf("and %d more streams", len(f.Streams)-i))
			break
		}
		lines = append(lines, stream(&f.Streams[i]))
	}
	return append(lines, "")
}

// share is how many lines destinations and streams have between so many lines and the
// apps: half of what is left, and what the apps do not need.
func (v View) share(above int, f *Frame) (destinations, streams int) {
	destinations, streams = len(f.Destinations), len(f.Streams)
	if v.Height == 0 {
		return destinations, streams
	}
	const others = 3 // the empty line, the titles and the footer
	room := max(0, v.Height-above-others)
	room = max(room/2, room-len(f.Apps))
	destinations = min(destinations, max(room/2, room-streams))
	return destinations, min(streams, room-destinations)
}

func destination(d *Destination, now time.Time, s Style) string {
	text := fmt.Sprintf("→ %s %s", d.Name, d.State)
	if !d.ParkedSince.IsZero() {
		text += " for " + age(now.Sub(d.ParkedSince).Seconds())
	}
	text += fmt.Sprintf("  %s/s  %d of %d requests in flight", amount(d.Out), d.InFlight, d.Window)
	if d.Error != "" {
		text += "  " + display.Text(d.Error)
	}
	if d.State != shipper.StateShipping {
		return s.bad.Render(text)
	}
	return text
}

func stream(t *Stream) string {
	what := "messages"
	if t.Messages == 1 {
		what = "message"
	}
	text := fmt.Sprintf("≡ %s  %s %s  %s", t.Name, count(float64(t.Messages)), what, display.Bytes(int64(t.Bytes)))
	if t.MaxBytes > 0 {
		text += fmt.Sprintf(" of %s (%.0f %%)", display.Bytes(t.MaxBytes), 100*float64(t.Bytes)/float64(t.MaxBytes))
	}
	if t.Messages > 0 {
		text += "  oldest " + age(t.Oldest)
	}
	return text
}

// count is a number of things in seven characters at most.
func count(n float64) string {
	const few = 10
	if n < few {
		return fmt.Sprintf("%.0f", n)
	}
	return amount(n)
}

// amount is a number in seven characters at most.
func amount(n float64) string {
	const thousand, million, billion = 1e3, 1e6, 1e9
	switch {
	case n == 0:
		return "0"
	case n < 9.95:
		return fmt.Sprintf("%.1f", n)
	case n < 100*thousand-0.5:
		return fmt.Sprintf("%.0f", n)
	case n < million-thousand/2:
		return fmt.Sprintf("%.0fk", n/thousand)
	case n < billion-million/2:
		return fmt.Sprintf("%.1fM", n/million)
	default:
		return fmt.Sprintf("%.1fG", n/billion)
	}
}

func lag(seconds float64) string {
	if seconds < 0 {
		return "-"
	}
	return age(seconds)
}

// age is a time in its largest unit, in six characters at most.
func age(seconds float64) string {
	const minute, hour, day = 60, 3600, 86400
	switch {
	case seconds < 9.95:
		return fmt.Sprintf("%.1fs", max(0, seconds))
	case seconds < 2*minute:
		return fmt.Sprintf("%.0fs", seconds)
	case seconds < 2*hour:
		return fmt.Sprintf("%.0fm", seconds/minute)
	case seconds < 2*day:
		return fmt.Sprintf("%.0fh", seconds/hour)
	default:
		return fmt.Sprintf("%.0fd", seconds/day)
	}
}
