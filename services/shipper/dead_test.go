package shipper

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/test/simulators/splunk"
)

func TestPoison(t *testing.T) {
	t.Parallel()
	f := func(name, reason, text string, o splunk.Options, poison ...int) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Tokens = map[string]splunk.Token{token: {Indexes: []string{"main"}}}
			o.AllOrNothing = true
			c := collect(t, o)
			f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Gzip: true}})
			f.publish("splunk", 1000, func(n int, e *wire.Event) {
				if slices.Contains(poison, n) {
					poisoned(reason, e)
				}
			})
			s := f.start()
			f.awaitAcked("splunk")
			c.wantOnce(t, 1000, poison...)
			letters := f.letters()
			ids := map[string]bool{}
			for at := 0; len(letters) > 0; letters = letters[1:] {
				ids[string(letters[0].GetId())] = true
				at += wantLetter(t, f, letters[0], reason, text, poison[at:])
			}
			// Events for an index that is refused die together.
			if want := len(poison); len(ids) != want && (reason != "hec_7" || len(ids) != 1) {
				t.Errorf("dead letters have %d ids", len(ids))
			}
			if counts := s.Counts(); counts.Dead != int64(len(poison)) || counts.Delivered != int64(1000-len(poison)) {
				t.Errorf("counts: %+v", counts)
			}
			if err := s.Healthy(); err != nil {
				t.Errorf("a destination that refuses an event works: %v", err)
			}
		})
	}
	f("in the middle", "hec_7", "Incorrect index (code 7)", splunk.Options{}, 400)
	f("first", "hec_15", "Error in handling indexed fields (code 15)", splunk.Options{}, 0)
	f("last", "hec_13", "Event field cannot be blank (code 13)", splunk.Options{}, 999)
	f("several", "hec_7", "Incorrect index (code 7)", splunk.Options{}, 0, 1, 500, 998)
	f("invalid JSON", "hec_6", "Invalid data format (code 6)", splunk.Options{}, 123)
	f("too large", "hec_http_413", "HTTP status 413", splunk.Options{MaxContentLength: 250_000}, 700)
}

func poisoned(reason string, e *wire.Event) {
	switch reason {
	case "hec_6":
		e.Text, e.JSON = nil, []byte(`{"broken":`)
	case "hec_7":
		e.Index = "nowhere"
	case "hec_13":
		e.Text, e.JSON = nil, []byte(`""`)
	case "hec_15":
		e.Fields = []wire.Field{{Name: "nested", JSON: []byte(`{"a":1}`)}}
	case "hec_http_413":
		e.Text = append(bytes.Repeat([]byte("x"), 300_000), e.Text...)
	}
}

// wantLetter wants the letter to hold the first of these events, and returns how many.
func wantLetter(t *testing.T, f *fixture, letter *drainlinev1.DeadBlock, reason, text string, events []int) int {
	t.Helper()
	if letter.GetStage() != "shipper" || letter.GetReason() != reason || !strings.Contains(letter.GetSentence(), text) ||
		letter.GetDestination() != "splunk" || letter.GetSubject() != f.conn.Names().EventsSubject("splunk") ||
		letter.GetContent() != drainlinev1.Content_CONTENT_EVENT_BATCH || letter.GetAttempts() != 1 ||
		letter.GetReceivedNs() == 0 || letter.GetDiedNs() < letter.GetReceivedNs() || letter.GetTrace().GetTraceparent() != "00-a-b-01" {
		letter.Original = nil
		t.Errorf("dead letter: %v", letter)
	}
	// The generated code reads it too: a replay may be anybody's.
	batch := &drainlinev1.EventBatch{}
	if err := proto.Unmarshal(letter.GetOriginal(), batch); err != nil {
		t.Fatal(err)
	}
	if n := len(batch.GetEvents()); n == 0 || n > len(events) || len(batch.GetOrigins()) != 1 ||
		batch.GetOrigins()[0].GetDrainToken() != "d.one" || batch.GetDestination() != "splunk" {
		t.Fatalf("events %v: dead batch %.300v", events, batch)
	}
	for i, e := range batch.GetEvents() {
		want := wire.Event{Text: []byte("id=" + itoa(events[i]))}
		poisoned(reason, &want)
		if !bytes.Equal(e.GetText(), want.Text) || !bytes.Equal(e.GetJson(), want.JSON) || e.GetIndex() != want.Index || e.GetHost() != "shop" ||
			e.GetOrigin() != 0 {
			t.Errorf("event %d: %.300v", events[i], e)
		}
	}
	return len(batch.GetEvents())
}

// Splunk indexes what stands before the event it refuses, so some arrive twice;
// none may be lost.
func TestPoisonWithPrefixIndexed(t *testing.T) {
	t.Parallel()
	f := func(reason string, requests, letters, repeats int64) {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			c := collect(t, splunk.Options{Tokens: map[string]splunk.Token{token: {Indexes: []string{"main"}}}})
			f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
			f.publish("splunk", 300, func(n int, e *wire.Event) {
				if n%100 == 42 {
					poisoned(reason, e)
				}
			})
			s := f.start()
			f.awaitAcked("splunk")
			if n := c.Ledger().Distinct(); n != 297 {
				t.Errorf("%d events arrived, want 297", n)
			}
			counts := s.Counts()
			if n := c.Count() - 297; n != repeats || counts.PossibleDuplicates != n {
				t.Errorf("%d repeats, want %d; %d counted as possible", n, repeats, counts.PossibleDuplicates)
			}
			if counts.Requests != requests {
				t.Errorf("%d requests, want %d", counts.Requests, requests)
			}
			if n := int64(len(f.letters())); n != letters || counts.Dead != 3 {
				t.Errorf("%d dead letters, want %d, with %d events, want 3", n, letters, counts.Dead)
			}
		})
	}
	// All, those for the refused index, the others: only what stood before it is repeated.
	f("hec_7", 3, 1, 42)
	// Each refusal costs one repeat of those before the event, and two requests; after the
	// first, fewer are sent together.
	f("hec_15", 15, 3, 42+15+3)
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
	sealed := wire.Seal(nil, []byte("whatever"))
	sealed[len(sealed)-1] ^= 1
	unreadable := wire.Seal(nil, []byte{0xff, 0xff, 0xff})
	newer := bustest.NewerSchema([]byte("whatever"))
	payloads := [][]byte{nil, []byte("x"), sealed, unreadable}
	for i, payload := range payloads {
		f.publishPayload("splunk", wire.ID{9, byte(i)}, payload)
	}
	f.publishPayload("splunk", wire.ID{9, 99}, newer)
	f.publish("splunk", 10)
	s := f.start()
	stream := f.conn.Names().EventsStream("splunk")
	f.await("all but the newer one is acknowledged", func() bool { return f.stream(stream).Msgs == 1 && c.Count() == 10 })
	c.wantOnce(t, 10)
	letters := f.letters()
	if len(letters) != len(payloads) {
		t.Fatalf("%d dead letters, want %d", len(letters), len(payloads))
	}
	for _, letter := range letters {
		if letter.GetReason() != "damaged" || letter.GetContent() != drainlinev1.Content_CONTENT_PAYLOAD ||
			!slices.ContainsFunc(payloads, func(p []byte) bool { return bytes.Equal(p, letter.GetOriginal()) }) || letter.GetDestination() != "splunk" ||
			!strings.Contains(letter.GetSentence(), "damaged payload") {
			t.Errorf("dead letter: %v", letter)
		}
	}
	if n := s.Counts().Dead; n != int64(len(payloads)) {
		t.Errorf("%d counted as dead", n)
	}
}

// While dead letters cannot be stored the event is held, and nothing is lost.
func TestDeadLettersRefused(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{AllOrNothing: true, Tokens: map[string]splunk.Token{token: {Indexes: []string{"main"}}}})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
	js := f.conn.JetStream()
	stream, err := js.Stream(t.Context(), f.conn.Names().DeadStream())
	if err != nil {
		t.Fatal(err)
	}
	dead := stream.CachedInfo().Config
	full := dead
	full.MaxBytes = 10
	if _, err := js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	f.publish("splunk", 10, func(n int, e *wire.Event) {
		if n == 5 {
			e.Index = "nowhere"
		}
	})
	f.publishPayload("splunk", wire.ID{9}, []byte("\x00damaged"))
	s := f.start()
	f.await("the trouble shows", func() bool { return s.Healthy() != nil })
	if n := f.stream(f.conn.Names().EventsStream("splunk")).Msgs; n != 2 {
		t.Errorf("%d of 2 messages are held", n)
	}
	if _, err := js.UpdateStream(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	f.awaitAcked("splunk")
	c.wantOnce(t, 10, 5)
	if n := len(f.letters()); n != 2 {
		t.Errorf("%d dead letters, want 2", n)
	}
	f.await("the trouble is over", func() bool { return s.Healthy() == nil })
}

func TestStopWhileDeadLettersRefused(t *testing.T) {
	t.Parallel()
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{"http://127.0.0.1:1"}}})
	if err := f.conn.JetStream().DeleteStream(t.Context(), f.conn.Names().DeadStream()); err != nil {
		t.Fatal(err)
	}
	f.publishPayload("splunk", wire.ID{9}, []byte("\x00damaged"))
	s := f.start()
	f.await("it is tried", func() bool { return f.pending("splunk") == 1 })
	s.stop()
	if n := f.stream(f.conn.Names().EventsStream("splunk")).Msgs; n != 1 {
		t.Error("the message is gone without a dead letter")
	}
}
