package telemetry

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

const (
	// repeatEvery is how long what was said is not said again.
	repeatEvery = 10 * time.Second
	// maxSayings is how many different things are told apart at one time. What comes
	// then counts as one more.
	maxSayings = 1000
)

// tellApart are the attributes that say what a record is about. Records of the same
// level, message and these are the same said again; what else differs, such as the
// error, is shown of the last one.
//
//nolint:gochecknoglobals // constant
var tellApart = []string{"app", "destination", "difference", "dir", "door", "index", "listen", "stream", "subject", "url"}

// repeats lets a warning or an error through, and then no more of the same for ten
// seconds. The last of those that came meanwhile is let through when the ten seconds are
// over, with `repeated`, the number of records it stands for. So none is left out
// without a count.
type repeats struct {
	next  slog.Handler
	about string // of the attributes that every record has
	*sayings
}

// sayings are what was said in the last ten seconds, by what tells them apart.
type sayings struct {
	mu     sync.Mutex
	said   map[string]*saying
	closed bool
}

// saying was said. Times is how often it was again, which last stands for.
type saying struct {
	times int
	last  slog.Record
	span  trace.SpanContext
	next  slog.Handler
	due   *time.Timer
}

func newRepeats(next slog.Handler) *repeats {
	return &repeats{next: next, sayings: &sayings{said: map[string]*saying{}}}
}

// Enabled leaves the level to the handlers behind.
func (h *repeats) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs makes a handler that counts together with h.
func (h *repeats) WithAttrs(attrs []slog.Attr) slog.Handler {
	var about strings.Builder
	about.WriteString(h.about)
	for _, a := range attrs {
		appendAbout(&about, a)
	}
	return &repeats{next: h.next.WithAttrs(attrs), about: about.String(), sayings: h.sayings}
}

// WithGroup makes a handler that counts together with h.
func (h *repeats) WithGroup(name string) slog.Handler {
	return &repeats{next: h.next.WithGroup(name), about: h.about, sayings: h.sayings}
}

// Handle lets a record through, or keeps it as the last of its kind.
func (h *repeats) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn || !h.keep(ctx, r) {
		return h.next.Handle(ctx, r) //nolint:wrapcheck // a handler's error is nobody's
	}
	return nil
}

// keep keeps a record that is the same again. Otherwise it is the first.
func (h *repeats) keep(ctx context.Context, r slog.Record) bool {
	key := h.key(r)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	s, again := h.said[key]
	if !again && len(h.said) >= maxSayings {
		key = r.Level.String()
		s, again = h.said[key]
	}
	if !again {
		h.said[key] = &saying{due: time.AfterFunc(repeatEvery, func() { h.settle(key) })}
		return false
	}
	s.times++
	s.last, s.span, s.next = r.Clone(), trace.SpanContextFromContext(ctx), h.next
	return true
}

func (h *repeats) key(r slog.Record) string {
	var key strings.Builder
	key.WriteString(r.Level.String() + "\x00" + r.Message + h.about)
	r.Attrs(func(a slog.Attr) bool {
		appendAbout(&key, a)
		return true
	})
	return key.String()
}

func appendAbout(b *strings.Builder, a slog.Attr) {
	if slices.Contains(tellApart, a.Key) {
		b.WriteString("\x00" + a.Key + "\x00" + a.Value.String())
	}
}

// settle tells what was said again in the last ten seconds, or forgets what was not.
func (s *sayings) settle(key string) {
	s.mu.Lock()
	said := s.said[key]
	if said == nil || said.times == 0 {
		delete(s.said, key)
		s.mu.Unlock()
		return
	}
	last := *said
	*said = saying{due: said.due}
	said.due.Reset(repeatEvery)
	s.mu.Unlock()
	last.tell()
}

// flush tells all that is kept. What comes then is let through.
func (s *sayings) flush() {
	s.mu.Lock()
	said := s.said
	s.said, s.closed = nil, true
	s.mu.Unlock()
	for _, last := range said {
		last.due.Stop()
		if last.times > 0 {
			last.tell()
		}
	}
}

func (s *saying) tell() {
	s.last.AddAttrs(slog.Int("repeated", s.times))
	_ = s.next.Handle(trace.ContextWithSpanContext(context.Background(), s.span), s.last) // a handler's error is nobody's
}
