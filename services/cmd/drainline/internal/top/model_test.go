package top_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"github.com/drainline/drainline/services/cmd/drainline/internal/top"
	"github.com/drainline/drainline/services/internal/ledger"
	"github.com/drainline/drainline/services/shipper"
)

// plain is the style without a terminal.
func plain() top.Style { return top.NewStyle(lipgloss.NewRenderer(io.Discard)) }

// press is what a key says.
func press(name string) tea.KeyMsg {
	for _, k := range []tea.KeyType{tea.KeyCtrlC, tea.KeyEsc, tea.KeyDown, tea.KeyUp, tea.KeyPgDown, tea.KeyPgUp, tea.KeyHome} {
		if k.String() == name {
			return tea.KeyMsg{Type: k}
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// counting is a source of 40 apps, of which the last has the most.
func counting(err error) top.Source {
	n := 0
	return func(context.Context) (top.Sample, error) {
		if err != nil {
			return top.Sample{}, err
		}
		var rows []ledger.Row
		for app := range int64(40) {
			rows = append(rows, in(fmt.Sprintf("app%02d", app), int64(n)*2*app))
		}
		n++
		return sample(2*n, instance("a", -9, rows...)), nil
	}
}

// after runs a model through two samples and some keys.
func after(t *testing.T, source top.Source, messages ...tea.Msg) string {
	t.Helper()
	m := top.NewModel(t.Context(), source, plain())
	for range 2 {
		if _, next := m.Update(m.Init()()); next == nil {
			t.Fatal("there is no next sample")
		}
	}
	for _, message := range messages {
		m.Update(message)
	}
	return m.View()
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		keys []tea.Msg
		want string // the app that is shown first
	}{
		{"by rate", nil, "app39"},
		{"by app", []tea.Msg{press("a")}, "app00"},
		{"by bytes", []tea.Msg{press("a"), press("b")}, "app39"},
		{"down", []tea.Msg{press("a"), press("down"), press("j")}, "app02"},
		{"down and up", []tea.Msg{press("a"), press("down"), press("down"), press("up")}, "app01"},
		{"up at the top", []tea.Msg{press("a"), press("up"), press("k"), press("pgup")}, "app00"},
		{"a page down", []tea.Msg{press("a"), press("pgdown")}, "app12"},
		{"past the end", []tea.Msg{press("a"), press("pgdown"), press("pgdown"), press("pgdown"), press("pgdown")}, "app21"},
		{"home", []tea.Msg{press("a"), press("pgdown"), press("home")}, "app00"},
		{"another order begins at the top", []tea.Msg{press("pgdown"), press("e")}, "app00"},
		{"a larger screen shows all", []tea.Msg{press("a"), press("pgdown"), tea.WindowSizeMsg{Width: 100, Height: 100}}, "app00"},
		{"any other key", []tea.Msg{press("x")}, "app39"},
	} {
		screen := after(t, counting(nil), c.keys...)
		_, table, _ := strings.Cut(screen, "LAG")
		if first := strings.Fields(table)[0]; first != c.want && strings.Fields(table)[1] != c.want {
			t.Errorf("%s: the first is %s, want %s:\n%s", c.name, first, c.want, screen)
		}
	}
}

func TestQuit(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"q", "ctrl+c", "esc"} {
		m := top.NewModel(t.Context(), counting(nil), plain())
		_, cmd := m.Update(press(key))
		if cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%s does not quit", key)
		}
	}
}

// The screen is as wide and high as the terminal, whatever names and numbers come.
func TestTheScreenFits(t *testing.T) {
	t.Parallel()
	hostile := func() top.Source {
		n := int64(0)
		return func(context.Context) (top.Sample, error) {
			n++
			i := instance("a", -9, in("evil\x1b[2J\r\n"+strings.Repeat("\u540d", 80), math.MaxInt64/1000*n), in("\xff\u202e", n), in("", n))
			for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
				i.Destinations = append(i.Destinations, shipper.Destination{Name: name, State: shipper.StateParked, Error: strings.Repeat("\x1b]0;x\a", 50)})
			}
			s := sample(int(2*n), i)
			s.Unread = strings.Repeat("why ", 50)
			for range 9 {
				s.Streams = append(s.Streams, top.Stream{Name: strings.Repeat("s", 60), Messages: math.MaxUint64, Bytes: math.MaxUint64, MaxBytes: 1, Oldest: 1e12})
			}
			return s, nil
		}
	}
	for _, size := range []tea.WindowSizeMsg{{Width: 80, Height: 24}, {Width: 200, Height: 60}, {Width: 30, Height: 8}, {Width: 1, Height: 1}, {}} {
		for name, source := range map[string]top.Source{"many": counting(nil), "hostile": hostile(), "failing": counting(errors.New(strings.Repeat("no bus ", 40)))} {
			screen := after(t, source, size)
			lines := strings.Split(screen, "\n")
			if size.Height > 0 && len(lines) > size.Height {
				t.Errorf("%s: %d lines on a screen of %d", name, len(lines), size.Height)
			}
			for _, line := range lines {
				if ansi.StringWidth(line) > max(size.Width, 0) || strings.ContainsAny(line, "\x1b\r\a") || !utf8.ValidString(line) {
					t.Errorf("%s: a line of %d cells on a screen of %d: %q", name, ansi.StringWidth(line), size.Width, line)
				}
			}
		}
	}
}

func TestTheScreenOf80x24(t *testing.T) {
	t.Parallel()
	screen := after(t, counting(nil))
	lines := strings.Split(screen, "\n")
	if len(lines) != 24 || !strings.Contains(lines[3], "APP") || !strings.HasPrefix(lines[4], "app39 ") || !strings.HasPrefix(lines[23], "1-19 of 40   sort: a app") {
		t.Errorf("%d lines:\n%s", len(lines), screen)
	}
	for i, line := range lines[3:22] {
		if got := ansi.StringWidth(line); got != 80 {
			t.Errorf("line %d has %d cells: %q", i, got, line)
		}
	}
}

// What cannot be asked is told, and asked again.
func TestTheBusMayBeAway(t *testing.T) {
	t.Parallel()
	if screen := after(t, counting(errors.New("the bus is away"))); !strings.Contains(screen, "the bus is away") || !strings.Contains(screen, "0 of 0 instances ready") {
		t.Errorf("shown:\n%s", screen)
	}
	m := top.NewModel(t.Context(), counting(nil), plain())
	if screen := m.View(); !strings.Contains(screen, "asking the instances") {
		t.Errorf("at first:\n%s", screen)
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	t.Parallel()
	colourful := lipgloss.NewRenderer(io.Discard)
	colourful.SetColorProfile(termenv.ANSI)
	f := top.Frame{At: noon, Destinations: []top.Destination{{Name: "splunk", State: shipper.StateParked}}}
	for _, c := range []struct {
		style top.Style
		want  bool
	}{{plain(), false}, {top.NewStyle(colourful), true}} {
		if got := strings.Contains(top.View{Width: 80, Style: c.style}.Render(&f), "\x1b["); got != c.want {
			t.Errorf("colours %v, want %v", got, c.want)
		}
	}
}

// A program on a terminal ends at q, and leaves it as it was.
func TestTheProgramEnds(t *testing.T) {
	t.Parallel()
	var screen bytes.Buffer
	keys, typing := io.Pipe()
	go func() {
		for _, key := range []string{"b", "q"} {
			if _, err := io.WriteString(typing, key); err != nil {
				t.Error(err)
			}
		}
		_ = typing.Close() // nothing else is typed
	}()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	program := tea.NewProgram(
		top.NewModel(ctx, counting(nil), plain()),
		tea.WithInput(keys), tea.WithOutput(&screen), tea.WithAltScreen(), tea.WithoutSignalHandler(),
	)
	if _, err := program.Run(); err != nil {
		t.Fatal(err)
	}
	if got := screen.String(); !strings.Contains(got, ansi.ResetAltScreenSaveCursorMode) || !strings.Contains(got, ansi.ShowCursor) {
		t.Errorf("the terminal was left as %q", got)
	}
}

// What needs somebody is on the screen, however many others there are, and all of it where
// there is room.
func TestWhatMattersIsShownFirst(t *testing.T) {
	t.Parallel()
	f := top.Frame{At: noon}
	for n := range 6 {
		f.Destinations = append(f.Destinations, top.Destination{Name: fmt.Sprintf("d%d", n), State: shipper.StateShipping})
		f.Streams = append(f.Streams, top.Stream{Name: fmt.Sprintf("s%d", n), Bytes: 1, MaxBytes: 100, Messages: uint64(n % 2)})
	}
	f.Destinations[4].State, f.Destinations[5].State = shipper.StateRetrying, shipper.StateParked
	f.Streams[5] = top.Stream{Name: "dead", Messages: 9, Bytes: 50, MaxBytes: 100}
	f.Apps = make([]top.App, 40)
	f.Apps[0].Dead, f.Apps[0].Lost = 8, 2
	for _, c := range []struct {
		height         int
		shown, missing []string
	}{
		{24, []string{"→ d5 parked", "→ d4 retrying", "and 3 more destinations", "≡ dead  9 messages", "≡ s1  1 message ", "and 2 more streams"}, []string{"→ d3", "≡ s2"}},
		{60, []string{"→ d5", "→ d0", "→ d3", "≡ dead", "≡ s0", "≡ s4"}, []string{"more"}},
		{0, []string{"→ d5", "→ d0", "→ d3", "≡ dead", "≡ s0", "≡ s4", "dead 0  dropped 0", " 8       2 "}, []string{"more", "8.0"}},
		{8, []string{"APP"}, nil},
	} {
		screen := top.View{Width: 80, Height: c.height, By: top.ByErrors, Style: plain()}.Render(&f)
		for _, want := range c.shown {
			if !strings.Contains(screen, want) {
				t.Errorf("height %d: %q is not in\n%s", c.height, want, screen)
			}
		}
		for _, never := range c.missing {
			if strings.Contains(screen, never) {
				t.Errorf("height %d: %q is in\n%s", c.height, never, screen)
			}
		}
	}
}
