package endpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// balance makes a balancer over URLs of one letter each.
func balance(c *clock, normal int, names string) *balancer {
	b := &balancer{now: c.time, normal: normal}
	for _, name := range names {
		b.targets = append(b.targets, &target{base: string(name), state: Up})
	}
	return b
}

var (
	errBusy  = &RetryError{Err: errors.New("busy")}
	errToken = &HoldError{Err: errors.New("token")}
)

// to is one request after another, each with the same outcome. It returns where they went.
func (b *balancer) to(n int, err error) string {
	var went strings.Builder
	for range n {
		turn := b.pick(&Request{})
		b.done(turn, err)
		went.WriteString(turn.target.base)
	}
	return went.String()
}

// all begins requests, and returns the turns and where they went, sorted.
func (b *balancer) all(n int) ([]turn, string) {
	turns, went := make([]turn, n), make([]byte, n)
	for i := range turns {
		turns[i] = b.pick(&Request{})
		went[i] = turns[i].target.base[0]
	}
	slices.Sort(went)
	return turns, string(went)
}

func (b *balancer) end(turns []turn, err error) {
	for _, t := range turns {
		b.done(t, err)
	}
}

// fail has one URL fail a request.
func (b *balancer) fail(t *target, err error) {
	t.inFlight++
	b.done(turn{t, t.epoch}, err)
}

func (b *balancer) said() string {
	said := make([]string, len(b.targets))
	for i, t := range b.targets {
		said[i] = string(t.state)
	}
	return strings.Join(said, ",")
}

func (b *balancer) want(t *testing.T, want string) {
	t.Helper()
	if got := b.said(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestBalancerShares(t *testing.T) {
	t.Parallel()
	b := balance(newClock(), 4, "abc")
	if got := b.to(6, nil); got != "bcabca" {
		t.Errorf("equals do not take turns: %s", got)
	}
	turns, went := b.all(6)
	if went != "aabbcc" {
		t.Errorf("six at once: %s", went)
	}
	for _, turn := range turns { // b is faster than the others
		if turn.target.base == "b" {
			b.done(turn, nil)
		}
	}
	if _, went := b.all(2); went != "bb" {
		t.Errorf("the least in flight: %s", went)
	}
}

func TestBalancerEjects(t *testing.T) {
	t.Parallel()
	b := balance(newClock(), 4, "ab")
	a := b.targets[0]
	b.fail(a, errBusy)
	b.fail(a, errBusy)
	b.fail(a, nil)
	b.fail(a, errBusy)
	b.fail(a, errBusy)
	b.want(t, "up,up") // not in a row
	b.fail(a, &RefusedError{})
	b.fail(a, errBusy)
	b.fail(a, errBusy)
	b.want(t, "up,up") // who refuses works
	b.fail(a, errors.New("context ended"))
	b.want(t, "up,up")
	b.fail(a, errBusy)
	b.want(t, "ejected,up")
	if went := b.to(5, nil); went != "bbbbb" {
		t.Errorf("an ejected URL gets requests: %s", went)
	}
}

func TestBalancerReturnsSlowly(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := balance(c, 4, "ab")
	a := b.targets[0]
	for range ejectAfter {
		b.fail(a, errBusy)
	}
	c.add(3 * time.Second)
	if went := b.to(2, nil); went != "bb" {
		t.Errorf("back too early: %s", went)
	}
	c.add(4 * time.Second)
	for _, share := range []int{1, 2, 4} {
		turns, went := b.all(20)
		if got := strings.Count(went, "a"); got != share {
			t.Errorf("%d at once, want %d", got, share)
		}
		b.want(t, "returning,up")
		b.fail(a, nil)
		for _, turn := range turns { // say nothing new
			turn.target.inFlight--
		}
	}
	b.want(t, "up,up")
	if _, went := b.all(20); strings.Count(went, "a") != 10 {
		t.Errorf("half is normal: %s", went)
	}
}

func TestBalancerLeavesAloneLonger(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := balance(c, 1, "ab")
	a := b.targets[0]
	for range ejectAfter {
		b.fail(a, errBusy)
	}
	for _, seconds := range []int{5, 10, 20, 40, 60, 60, 60} {
		want := time.Duration(seconds) * time.Second
		if d := a.until.Sub(c.time()); d < want*4/5 || d > want*6/5 {
			t.Errorf("left alone for %v, want %v or so", d, want)
		}
		c.add(a.until.Sub(c.time()))
		b.pick(&Request{})
		b.want(t, "returning,up")
		b.fail(a, errBusy)
		b.want(t, "ejected,up") // at once
	}
	c.add(2 * time.Minute)
	b.pick(&Request{})
	b.fail(a, nil)
	b.want(t, "up,up")
	for range ejectAfter {
		b.fail(a, errBusy)
	}
	if d := a.until.Sub(c.time()); d > 6*time.Second {
		t.Errorf("what is long ago counts still: %v", d)
	}
}

func TestBalancerAlwaysFindsOne(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := balance(c, 4, "abc")
	for _, name := range []int{1, 0, 2} { // in this order
		for range ejectAfter {
			b.fail(b.targets[name], errBusy)
		}
		c.add(time.Second)
	}
	b.want(t, "ejected,ejected,ejected")
	if went := b.to(1, errBusy); went != "b" {
		t.Errorf("%s is not the one that was left alone longest", went)
	}
	c.add(time.Second)
	if went := b.to(1, errBusy); went != "a" {
		t.Errorf("%s instead of the next", went)
	}
	c.add(time.Second)
	if went := b.to(1, nil); went != "c" {
		t.Errorf("%s instead of the last", went)
	}
	b.want(t, "ejected,ejected,returning")
	if _, went := b.all(5); went != "ccccc" {
		t.Errorf("%s: more than its share is still better than what is ejected", went)
	}
}

func TestBalancerHolds(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := balance(c, 4, "abc")
	b.fail(b.targets[0], errToken)
	b.want(t, "held,up,up")
	if went := b.to(4, nil); strings.Contains(went, "a") {
		t.Errorf("a held URL gets requests: %s", went)
	}
	for range ejectAfter {
		b.fail(b.targets[1], errBusy)
		b.fail(b.targets[2], errBusy)
	}
	if went := b.to(2, errBusy); strings.Contains(went, "a") {
		t.Errorf("%s: what is ejected is better than what is held", went)
	}
	b.want(t, "held,ejected,ejected")
	b.fail(b.targets[1], errToken)
	b.fail(b.targets[2], errToken)
	b.want(t, "held,held,held")
	b.fail(b.targets[1], errBusy)
	b.want(t, "held,held,held") // it is not put right
	b.well(b.targets[1])
	b.want(t, "held,returning,held")
	c.add(2 * time.Minute)
	b.pick(&Request{})
	b.want(t, "returning,returning,returning")
}

func TestBalancerSingle(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := balance(c, 4, "a")
	if went := b.to(10, errBusy); went != "aaaaaaaaaa" {
		t.Error(went)
	}
	b.want(t, "up")
	b.unwell(b.targets[0])
	b.want(t, "up")
	b.to(2, errToken)
	b.want(t, "held")
	c.add(time.Hour)
	b.to(1, errors.New("context ended"))
	b.want(t, "held")
	b.well(b.targets[0])
	b.want(t, "up")
	b.to(1, errToken)
	b.to(4, nil)
	b.want(t, "up")
}

// What was under way when a URL was ejected says nothing that is not known.
func TestBalancerIgnoresLateNews(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := balance(c, 8, "ab")
	turns, _ := b.all(16)
	b.end(turns, errBusy)
	b.want(t, "ejected,ejected")
	for _, target := range b.targets {
		if target.ejections != 1 {
			t.Errorf("%s ejected %d times for requests of one time", target.base, target.ejections)
		}
	}
	turns, _ = b.all(4) // nothing else is there
	b.end(turns[:1], nil)
	b.end(turns[1:], errToken)
	for _, target := range b.targets {
		if target.ejections > 2 || target.inFlight != 0 {
			t.Errorf("%+v", target)
		}
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	b := balance(newClock(), 4, "abc")
	r := &Request{}
	f := func(target int, err error, want string) {
		t.Helper()
		b.fail(b.targets[target], err)
		if got := policy(b.verdict(b.targets[target], r, err)); got != want {
			t.Errorf("%s: %s, want %s", b.targets[target].base, got, want)
		}
	}
	busy := func() error { return &RetryError{Err: errors.New("busy"), Pressure: true, Taken: 3} }
	foreign := func() error { return &HoldError{Err: errors.New("token"), Token: true, Taken: Every} }
	f(0, busy(), "retry, taken: 3, pressure, elsewhere")
	f(1, busy(), "retry, taken: 3, pressure, elsewhere")
	f(2, busy(), "retry, taken: 3, pressure") // a round is over
	f(2, busy(), "retry, taken: 3, pressure, elsewhere")
	if got := b.pick(r).target; got == b.targets[2] {
		t.Error("a URL that has failed a request is not preferred")
	}
	r = &Request{}
	f(0, &RefusedError{Status: 400, Answer: hec.NewAnswer(hec.InvalidDataFormat)}, "refused: hec_6")
	f(0, foreign(), "retry, taken: every, elsewhere") // another URL may know the token
	f(1, foreign(), "retry, taken: every, elsewhere")
	f(2, foreign(), "hold, token, taken: every")
	b.want(t, "up,up,up")
	f(0, errToken, "retry, elsewhere")
	f(1, errToken, "retry, elsewhere")
	b.want(t, "held,held,up")
	f(2, errToken, "hold")
	f(2, errToken, "hold")
	f(2, busy(), "retry, taken: 3, pressure")
}

// A model of what holds for any outcomes.
func TestBalancerProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		b := balance(c, rapid.IntRange(1, 8).Draw(t, "normal"), "abcd"[:rapid.IntRange(1, 4).Draw(t, "urls")])
		var flying []turn
		t.Repeat(map[string]func(*rapid.T){
			"pick": func(t *rapid.T) {
				b.mu.Lock()
				b.wake()
				free := slices.ContainsFunc(b.targets, (*target).takes)
				b.mu.Unlock()
				turn := b.pick(&Request{})
				flying = append(flying, turn)
				turn.target.inFlight--
				if free && !b.single() && !turn.target.takes() {
					t.Fatalf("%s gets a request: %s", turn.target.base, b.said())
				}
				turn.target.inFlight++
			},
			"done": func(t *rapid.T) {
				if len(flying) == 0 {
					return
				}
				i := rapid.IntRange(0, len(flying)-1).Draw(t, "turn")
				b.done(flying[i], rapid.SampledFrom([]error{nil, errBusy, errBusy, errToken, &RefusedError{}}).Draw(t, "outcome"))
				flying = slices.Delete(flying, i, i+1)
			},
			"wait": func(t *rapid.T) { c.add(time.Duration(rapid.IntRange(1, 90).Draw(t, "s")) * time.Second) },
			"well": func(t *rapid.T) { b.well(rapid.SampledFrom(b.targets).Draw(t, "url")) },
			"ill":  func(t *rapid.T) { b.unwell(rapid.SampledFrom(b.targets).Draw(t, "url")) },
			"": func(t *rapid.T) {
				total := 0
				for _, target := range b.targets {
					total += target.inFlight
					if target.inFlight < 0 || target.state == Returning && target.share < 1 {
						t.Fatalf("%+v", target)
					}
					if b.single() && (target.state == Ejected || target.state == Returning) {
						t.Fatalf("a single URL is %s", target.state)
					}
				}
				if total != len(flying) {
					t.Fatalf("%d in flight, want %d", total, len(flying))
				}
			},
		})
	})
}

// Over real connections: a request goes on at once where one of several URLs fails it.
func TestSendElsewhere(t *testing.T) {
	t.Parallel()
	a, b := serve(t, always(hec.ServerBusy)), serve(t, always(hec.InvalidToken))
	good := serve(t, always(hec.Success))
	c := client(t, nil, a, b, good)
	for range 20 {
		r := events()
		for try := 0; ; try++ {
			_, err := c.Send(t.Context(), r)
			if err == nil {
				break
			}
			var retry *RetryError
			if !errors.As(err, &retry) || !retry.Elsewhere || try > 1 {
				t.Fatalf("try %d: %s: %v", try, policy(err), err)
			}
		}
	}
	var said []string
	for _, u := range c.URLs() {
		said = append(said, string(u.State))
	}
	if got := strings.Join(said, " "); got != "ejected held up" {
		t.Error(got)
	}
}

func TestSendHold(t *testing.T) {
	t.Parallel()
	a, b := serve(t, always(hec.InvalidToken)), serve(t, always(hec.NotFound))
	c := client(t, nil, a, b)
	r := events()
	if _, err := c.Send(t.Context(), r); policy(err) != "retry, elsewhere" {
		t.Errorf("the first of two: %v", err)
	}
	if _, err := c.Send(t.Context(), r); policy(err) != "hold" {
		t.Errorf("both: %v", err)
	}
	if _, err := c.Send(t.Context(), events()); policy(err) != "hold" {
		t.Errorf("another request: %v", err)
	}
}

// A token that a rule has chosen and that nobody knows stops nobody else.
func TestSendForeignToken(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{config.AckOff, config.AckAuto} {
		known := newCollector(t, collectorOptions{tokens: []string{"secret"}})
		c := client(t, func(d *config.Destination) { d.Ack = mode }, known.url)
		for range tolerated + 1 {
			_, err := c.Send(t.Context(), &Request{Body: []byte("{}"), Token: "other"})
			if policy(err) != "hold, token" || !strings.HasSuffix(err.Error(), "check the token that the rule has chosen") {
				t.Errorf("%s: %s: %v", mode, policy(err), err)
			}
		}
		if err := c.Healthy(); err != nil || c.URLs()[0].State != Up {
			t.Errorf("%s: the destination's own token is fine: %v", mode, err)
		}
		if _, err := c.Send(t.Context(), &Request{Body: []byte("{}"), Token: "secret"}); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestSendPrefersLeastInFlight(t *testing.T) {
	t.Parallel()
	slow := newGate(t)
	c := client(t, nil, serve(t, slow.handler(hec.Success)), serve(t, always(hec.Success)))
	var stuck sync.WaitGroup
	defer stuck.Wait()
	defer slow.lift()
	stuck.Go(func() {
		for range 2 { // the second gets stuck
			if _, err := c.Send(t.Context(), events()); err != nil {
				t.Error(err)
			}
		}
	})
	<-slow.came
	for i := range 10 {
		if _, err := c.Send(t.Context(), events()); err != nil {
			t.Fatal(fmt.Errorf("request %d: %w", i, err))
		}
	}
	if n := len(slow.came); n != 0 {
		t.Errorf("%d more requests went where one was stuck", n)
	}
}
