package shipper

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/telemetry"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// buried are the texts of the events in the dead letters, by reason.
func (f *fixture) buried() map[string][]string {
	f.t.Helper()
	texts := map[string][]string{}
	for _, letter := range f.letters() {
		b := &drainlinev1.EventBatch{}
		if err := proto.Unmarshal(letter.GetOriginal(), b); err != nil {
			f.t.Fatal(err)
		}
		for _, e := range b.GetEvents() {
			texts[letter.GetReason()] = append(texts[letter.GetReason()], string(e.GetText()))
		}
	}
	return texts
}

// toIndex changes every tenth event: it is for another index.
func toIndex(index string) func(n int, e *wire.Event) {
	return func(n int, e *wire.Event) {
		e.Index = "main"
		if n%10 == 3 {
			e.Index = index
		}
	}
}

// Splunk answers 200 and throws away what is for an index that does not exist, if the
// token has no list. Only who knows the indexes keeps it from that.
func TestUnknownIndex(t *testing.T) {
	t.Parallel()
	f := func(policy string, thrown, buried int, check func(t *testing.T, f *fixture, c *collector, s running)) {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			c := collect(t, splunk.Options{Indexes: []string{"main", "lost"}})
			f := setUp(t, map[string]config.Destination{"splunk": {
				URLs: []string{c.url}, Gzip: true, Batch: config.Batch{MaxEvents: 50},
				Indexes: []string{"main", "lost"}, OnUnknownIndex: policy, FallbackIndex: "lost", IndexedFields: []string{},
			}})
			f.publish("splunk", 200, toIndex("nowhere"))
			s := f.start()
			check(t, f, c, s)
			if n := c.ThrownAway().Distinct(); n != thrown {
				t.Errorf("Splunk has thrown away %d events, want %d", n, thrown)
			}
			if n := len(f.buried()[ReasonUnknownIndex]); n != buried {
				t.Errorf("%d events are dead letters, want %d: %v", n, buried, f.buried())
			}
			if n := f.log.count("an index that the destination does not have"); n != 1 && policy != config.IndexSend {
				t.Errorf("%d lines in the log", n)
			}
		})
	}
	done := func(t *testing.T, f *fixture, _ *collector, _ running) {
		t.Helper()
		f.awaitAcked("splunk")
	}
	f(config.IndexSend, 20, 0, done)
	f(config.IndexDead, 0, 20, done)
	f(config.IndexFallback, 0, 0, func(t *testing.T, f *fixture, c *collector, _ running) {
		t.Helper()
		f.awaitAcked("splunk")
		c.wantOnce(t, 200)
		for _, e := range c.Events() {
			want, field := "main", any(nil)
			if number(t, e)%10 == 3 {
				want, field = "lost", "nowhere"
			}
			if e.Index != want || e.Fields["wanted_index"] != field {
				t.Fatalf("event %s is in %s, was for %v", e.Text(), e.Index, e.Fields["wanted_index"])
			}
		}
	})
	f(config.IndexPark, 0, 0, func(t *testing.T, f *fixture, c *collector, s running) {
		t.Helper()
		f.await("it is parked", func() bool { return s.Healthy() != nil })
		if err := s.Healthy(); !strings.Contains(err.Error(), `index "nowhere" is not among`) {
			t.Errorf("Healthy: %v", err)
		}
		d := f.config.Destinations["splunk"]
		d.OnUnknownIndex = config.IndexFallback
		reload(t, s, &config.Config{Destinations: map[string]config.Destination{"splunk": d}})
		f.awaitAcked("splunk")
		c.wantOnce(t, 200)
	})
}

// The same policies hold where it is Splunk that refuses the index.
func TestRefusedIndex(t *testing.T) {
	t.Parallel()
	f := func(name, policy, index string, check func(t *testing.T, f *fixture, c *collector, s running)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := collect(t, splunk.Options{AllOrNothing: true, Poison: func(e splunk.Event) int {
				if e.Index == index {
					return 7
				}
				return 0
			}})
			f := setUp(t, map[string]config.Destination{"splunk": {
				URLs: []string{c.url}, OnUnknownIndex: policy, FallbackIndex: "lost",
			}})
			f.publish("splunk", 200, toIndex(index))
			check(t, f, c, f.start())
		})
	}
	f("dead", config.IndexDead, "nowhere", func(t *testing.T, f *fixture, c *collector, s running) {
		t.Helper()
		f.awaitAcked("splunk")
		if n := c.Ledger().Distinct(); n != 180 || len(f.buried()["hec_7"]) != 20 {
			t.Errorf("%d events arrived, %d are dead letters", n, len(f.buried()["hec_7"]))
		}
		if sentence := f.letters()[0].GetSentence(); !strings.Contains(sentence, `for index "nowhere"`) || !strings.Contains(sentence, "Incorrect index") {
			t.Errorf("the dead letter says %q", sentence)
		}
		if n := s.Counts().Requests; n != 3 {
			t.Errorf("%d requests, want all, the refused, the others", n)
		}
	})
	f("fallback", config.IndexFallback, "nowhere", func(t *testing.T, f *fixture, c *collector, _ running) {
		t.Helper()
		f.awaitAcked("splunk")
		c.wantOnce(t, 200)
		for _, e := range c.Events() {
			if e.Index == "lost" && e.Fields["wanted_index"] != "nowhere" || (e.Index == "lost") != (number(t, e)%10 == 3) {
				t.Errorf("%s: index %s, was for %v", e.Text(), e.Index, e.Fields["wanted_index"])
			}
		}
	})
	f("the fallback is refused, too", config.IndexFallback, "lost", func(t *testing.T, f *fixture, _ *collector, _ running) {
		t.Helper()
		f.awaitAcked("splunk")
		if n := len(f.buried()["hec_7"]); n != 20 {
			t.Errorf("%d are dead letters", n)
		}
	})
	parks := func(t *testing.T, f *fixture, c *collector, s running) {
		t.Helper()
		f.await("it is parked", func() bool { return s.Healthy() != nil })
		if n := len(f.letters()); n != 0 {
			t.Errorf("%d dead letters", n)
		}
		d := f.config.Destinations["splunk"]
		other := collect(t, splunk.Options{})
		d.URLs = []string{other.url}
		reload(t, s, &config.Config{Destinations: map[string]config.Destination{"splunk": d}})
		f.awaitAcked("splunk")
		for i := range 200 {
			if n := c.Ledger().Times(itoa(i)) + other.Ledger().Times(itoa(i)); n != 1 {
				t.Fatalf("event %d arrived %d times", i, n)
			}
		}
	}
	f("park", config.IndexPark, "nowhere", parks)
	f("the token's default", config.IndexDead, "", parks)
}

// An event for an index that is not listed went to another, which Splunk refuses: the dead
// letter tells of that one, and the event is sent to it once.
func TestFallbackIsRefused(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{AllOrNothing: true, Poison: func(e splunk.Event) int {
		if e.Index == "lost" {
			return 7
		}
		return 0
	}})
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, OnUnknownIndex: config.IndexFallback, FallbackIndex: "lost", Indexes: []string{"main", "lost"},
	}})
	f.publish("splunk", 200, toIndex("nowhere"))
	f.start()
	f.awaitAcked("splunk")
	if n := c.Ledger().Distinct(); n != 180 || len(f.buried()["hec_7"]) != 20 || len(c.Violations()) > 0 {
		t.Errorf("%d events arrived, %d are dead letters, violations %v", n, len(f.buried()["hec_7"]), c.Violations())
	}
	if sentence := f.letters()[0].GetSentence(); !strings.Contains(sentence, `for index "lost"`) {
		t.Errorf("the dead letter says %q", sentence)
	}
}

// Each pair of app and index is told once, up to a bound.
func TestUnknownIndexesAreToldOnce(t *testing.T) {
	t.Parallel()
	metrics, err := telemetry.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := metrics.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	u := newUnknownIndexes(metrics, "splunk")
	book := &logbook{}
	log := slog.New(slog.NewTextHandler(book, nil))
	for range 3 {
		for n := range keptUnknown + 50 {
			u.note(log, "shop", itoa(n), 2, config.IndexDead)
		}
	}
	if n := book.count("level=WARN"); n != keptUnknown || u.count.Load() != 6*(keptUnknown+50) {
		t.Errorf("%d lines, %d events counted", n, u.count.Load())
	}
}

func number(t *testing.T, e splunk.Event) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(splunk.ID(e.Text()), "%d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLargeEvents(t *testing.T) {
	t.Parallel()
	f := func(policy string, arrive int) {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			c := collect(t, splunk.Options{})
			f := setUp(t, map[string]config.Destination{"splunk": {
				URLs: []string{c.url}, MaxEvent: 10_000, OnLargeEvent: policy, IndexedFields: []string{"none"},
			}})
			f.publish("splunk", 100, func(n int, e *wire.Event) {
				if n%50 == 7 {
					e.Text = append(append(e.Text, ' '), bytes.Repeat([]byte(`"`), 6000)...) // 12,000 as sent
				}
			})
			f.start()
			f.awaitAcked("splunk")
			if n := c.Ledger().Distinct(); n != arrive || len(f.buried()[ReasonLargeEvent]) != 100-arrive {
				t.Errorf("%d events arrived, %d are dead letters", n, len(f.buried()[ReasonLargeEvent]))
			}
			for _, e := range c.Events() {
				if size, cut := len(e.Event), e.Fields["truncated_from"] != nil; size > 10_000 || cut != (size > 9000) {
					t.Errorf("an event of %d bytes, truncated: %v", size, cut)
				}
			}
		})
	}
	f(config.LargeTruncate, 100)
	f(config.LargeDead, 98)
}

// The raw endpoint takes metadata for a request, so each has requests of its own; metrics
// go to the event endpoint.
func TestRaw(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Endpoint: config.EndpointRaw, Gzip: true}})
	const events, hosts, metric = 1000, 40, 5
	for range 4 {
		f.publish("splunk", events/4, func(n int, e *wire.Event) {
			e.Host, e.Index = fmt.Sprintf("host %d", n%hosts), "main"
			if n%hosts == metric {
				e.Fields = []wire.Field{{Name: "metric_name:a", JSON: []byte("1")}, {Name: "id", JSON: fmt.Appendf(nil, `"id=%d"`, n)}}
				e.Text, e.JSON = nil, []byte(`"metric"`)
			}
		})
	}
	s := f.start()
	f.awaitAcked("splunk")
	f.await("all are counted", func() bool { return s.Counts().Delivered == events })
	raw, metrics := 0, 0
	for _, e := range c.Events() {
		if e.Raw {
			raw++
			if n := number(t, e); e.Host != fmt.Sprintf("host %d", n%hosts) || e.Source != "web" || e.Sourcetype != "heroku:app" || e.Index != "main" {
				t.Fatalf("event %d: %+v", n, e)
			}
		} else if e.Fields["metric_name:a"] != nil {
			metrics++
		}
	}
	if raw != events-events/hosts || metrics != events/hosts || c.Count() != events {
		t.Errorf("%d raw events and %d metrics of %d", raw, metrics, c.Count())
	}
}

// A rule's token is used in place of the destination's; one that is not known is not.
func TestChosenToken(t *testing.T) {
	t.Parallel()
	const own, chosen = token, "22222222-2222-3333-4444-555555555555"
	var tokens [3]atomic.Int64
	c := collect(t, splunk.Options{Tokens: map[string]splunk.Token{own: {}, chosen: {}}})
	c.SetFault(func(r *http.Request) *splunk.Response {
		tokens[slices.Index([]string{"Splunk " + own, "Splunk " + chosen, r.Header.Get("Authorization")}, r.Header.Get("Authorization"))].Add(1)
		return nil
	})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
	f.config.Ingest.HEC.Tokens = map[string]config.Token{"web": {Token: chosen}}
	for i, name := range []string{"", "web", "nobody"} {
		b := wire.Batch{ID: wire.ID{7, byte(i)}, Destination: "splunk", Token: name, Origins: []wire.Origin{{}}}
		f.publishPayload("splunk", b.ID, wire.Seal(nil, wire.AppendEvent(wire.AppendBatch(nil, &b), &wire.Event{Text: []byte("id=" + itoa(i))})))
	}
	f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 3)
	if tokens[1].Load() != 1 || tokens[0].Load() == 0 || tokens[2].Load() != 0 {
		t.Errorf("requests with the destination's token, the chosen one, others: %v %v %v", tokens[0].Load(), tokens[1].Load(), tokens[2].Load())
	}
	if n := f.log.count("a rule chooses a token"); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
}

// Events whose rule has chosen a token that Splunk refuses hold up nobody, and are not sent
// with a token that may do more.
func TestChosenTokenIsRefused(t *testing.T) {
	t.Parallel()
	const revoked = "22222222-2222-3333-4444-555555555555"
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
	f.config.Ingest.HEC.Tokens = map[string]config.Token{"web": {Token: revoked}}
	for i, name := range []string{"web", "", "web"} {
		b := wire.Batch{ID: wire.ID{7, byte(i)}, Destination: "splunk", Token: name, Origins: []wire.Origin{{}}}
		f.publishPayload("splunk", b.ID, wire.Seal(nil, wire.AppendEvent(wire.AppendBatch(nil, &b), &wire.Event{Text: []byte("id=" + itoa(i))})))
	}
	s := f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 3, 0, 2)
	if dead := f.buried()[ReasonTokenRefused]; len(dead) != 2 || s.Healthy() != nil {
		t.Errorf("dead letters %v, %v", dead, s.Healthy())
	}
	if f.log.count(revoked) > 0 {
		t.Error("the token is in the log")
	}
}

func TestGivesUp(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	c.SetFault(func(*http.Request) *splunk.Response { return &splunk.Response{Code: 9} })
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, Retry: config.Retry{GiveUpAfter: 100 * time.Millisecond},
	}})
	f.publish("splunk", 100)
	f.publish("splunk", 100)
	s := f.start()
	f.awaitAcked("splunk")
	if n := len(f.buried()[ReasonGaveUp]); n != 200 || s.Counts().Dead != 200 || s.Counts().Delivered != 0 {
		t.Errorf("%d events are dead letters: %+v", n, s.Counts())
	}
	letters := f.letters()
	if n := len(letters); n != 2 {
		t.Errorf("%d dead letters for two deliveries", n)
	}
	if sentence := letters[0].GetSentence(); !strings.Contains(sentence, "not delivered within") || !strings.Contains(sentence, "Server is busy (code 9)") {
		t.Errorf("a dead letter says %q", sentence)
	}
}

// For a shadow run all is done but the sending.
func TestDiscard(t *testing.T) {
	t.Parallel()
	f := setUp(t, map[string]config.Destination{"shadow": {Type: config.TypeDiscard, Gzip: true}})
	f.publish("shadow", 1000)
	s := f.start()
	f.awaitAcked("shadow")
	counts := s.Counts()
	if counts.Delivered != 1000 || counts.Bytes < 50_000 || counts.SentBytes == 0 || counts.SentBytes > counts.Bytes || s.Healthy() != nil {
		t.Errorf("%+v, %v", counts, s.Healthy())
	}
}

// A size that was too large once is not sent again.
func TestRemembersWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{MaxContentLength: 20_000})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Batch: config.Batch{MaxBytes: 100_000}, Concurrency: config.Concurrency{Max: 1}}})
	f.publish("splunk", 2000)
	s := f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 2000)
	refused := c.Stats().Refused[http.StatusRequestEntityTooLarge]
	if refused < 2 || refused > 12 {
		t.Errorf("%d requests were too large", refused)
	}
	f.publish("splunk", 2000)
	f.awaitAcked("splunk")
	c.wantOnce(t, 4000)
	if n := c.Stats().Refused[http.StatusRequestEntityTooLarge]; n != refused || s.Counts().PossibleDuplicates != 0 {
		t.Errorf("%d more requests were too large", n-refused)
	}
	if d := s.Destinations()[0]; d.MaxBytes == 0 || d.MaxBytes > 20_000 {
		t.Errorf("requests are bounded to %d bytes", d.MaxBytes)
	}
}

// Many refused events in one request cost a small multiple of it, not one for each.
func TestManyPoisonousEvents(t *testing.T) { // not beside others: each of its 250 dead letters waits for the disk
	c := collect(t, splunk.Options{AllOrNothing: true})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Batch: config.Batch{MaxEvents: 10_000}}})
	f.publish("splunk", 5000, func(n int, e *wire.Event) {
		if n%20 == 11 {
			poisoned("hec_15", e)
		}
	})
	s := f.start()
	f.awaitAcked("splunk")
	if n, dead := c.Ledger().Distinct(), len(f.buried()["hec_15"]); n != 4750 || dead != 250 {
		t.Errorf("%d events arrived, %d are dead letters", n, dead)
	}
	const size = 100 // of an event
	if n := s.Counts().Bytes; n > 5*5000*size {
		t.Errorf("%d bytes were sent for 5000 events of about %d", n, size)
	}
}

// The raw endpoint takes the index by query.
func TestRawFallback(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	c.SetFault(func(r *http.Request) *splunk.Response {
		if r.URL.Query().Get("index") == "nowhere" {
			return &splunk.Response{Code: 7, InvalidEvent: 1, Named: true}
		}
		return nil
	})
	f := setUp(t, map[string]config.Destination{"splunk": {
		URLs: []string{c.url}, Endpoint: config.EndpointRaw, OnUnknownIndex: config.IndexFallback, FallbackIndex: "lost",
	}})
	f.publish("splunk", 200, toIndex("nowhere"))
	f.start()
	f.awaitAcked("splunk")
	c.wantOnce(t, 200)
	for _, e := range c.Events() {
		if want := map[bool]string{false: "main", true: "lost"}[number(t, e)%10 == 3]; e.Index != want {
			t.Fatalf("%s is in %s", e.Text(), e.Index)
		}
	}
}
