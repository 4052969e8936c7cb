package top

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// Every is the time between two samples.
const Every = 2 * time.Second

// Look takes three samples a second apart, which tell what flows and what waits.
func Look(ctx context.Context, source Source) (Frame, error) {
	var meter Meter
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 1; ; n++ {
		s, err := source(ctx)
		if err != nil {
			return Frame{}, err
		}
		if f := meter.Frame(s); n == 3 {
			return f, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return Frame{}, context.Cause(ctx) //nolint:wrapcheck // says what it is
		}
	}
}

// sampled is what a sample has come to.
type sampled struct {
	sample Sample
	err    error
}

// due says that it is time for the next sample.
type due struct{}

// Model is the live screen, as bubbletea drives it.
type Model struct {
	ctx    context.Context //nolint:containedctx // bubbletea's commands have no other way to it
	source Source
	meter  Meter
	frame  *Frame // nil before the first sample
	view   View
	err    error // of the latest sample
}

// NewModel makes a screen of 80×24 until its size is known.
func NewModel(ctx context.Context, source Source, style Style) *Model {
	return &Model{ctx: ctx, source: source, view: View{Width: 80, Height: 24, By: ByRate, Style: style}}
}

// Init takes the first sample.
func (m *Model) Init() tea.Cmd { return m.take }

func (m *Model) take() tea.Msg {
	s, err := m.source(m.ctx)
	return sampled{s, err}
}

// wait ends with the context, as bubbletea's own Tick does not.
func (m *Model) wait() tea.Msg {
	timer := time.NewTimer(Every)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-m.ctx.Done():
	}
	return due{}
}

// Update is told what happens.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case sampled:
		m.err = msg.err
		if msg.err == nil {
			frame := m.meter.Frame(msg.sample)
			m.frame = &frame
		}
		return m, m.wait
	case due:
		return m, m.take
	case tea.WindowSizeMsg:
		m.view.Width, m.view.Height = msg.Width, msg.Height
	case tea.KeyMsg:
		return m, m.key(msg)
	}
	return m, nil
}

func (m *Model) key(key tea.KeyMsg) tea.Cmd {
	switch name := key.String(); name {
	case "q", "ctrl+c", "esc":
		return tea.Quit
	case "a", "r", "b", "l", "e":
		m.view.By, m.view.Skip = Order(name[0]), 0
	case "down", "j":
		m.scroll(1)
	case "up", "k":
		m.scroll(-1)
	case "pgdown", " ":
		m.scroll(m.view.Height / 2)
	case "pgup":
		m.scroll(-m.view.Height / 2)
	case "home", "g":
		m.view.Skip = 0
	}
	return nil
}

// scroll keeps the last app at the end of the screen.
func (m *Model) scroll(rows int) {
	if m.frame != nil {
		m.view.Skip = max(0, min(m.view.Skip+rows, len(m.frame.Apps)-m.view.Rows(m.frame)))
	}
}

// View is the screen.
func (m *Model) View() string {
	f := Frame{At: time.Now(), Unread: "asking the instances…"}
	if m.frame != nil {
		f = *m.frame
	}
	if m.err != nil {
		f.Unread = m.err.Error()
	}
	return m.view.Render(&f)
}
