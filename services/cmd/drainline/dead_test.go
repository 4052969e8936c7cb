package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/cmd/drainline/internal/view"
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/internal/audit"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/ledger"
)

// bury stores a dead letter of transform with a line of an app that is none.
func (i *installation) bury(reason, name string) *drainlinev1.DeadBlock {
	i.t.Helper()
	block := blockOf(name, "12 <45>1 bad of ")
	original, err := proto.Marshal(block)
	if err != nil {
		i.t.Fatal(err)
	}
	letter := &drainlinev1.DeadBlock{
		Id: block.GetId(), Stage: wire.StageTransform, Reason: reason, Sentence: "no header", Content: drainlinev1.Content_CONTENT_RAW_BLOCK,
		Original: original, Attempts: 1, ReceivedNs: 2e18, Subject: i.conn.Names().RawSubject("s0"),
	}
	if err := i.conn.Dead(i.t.Context(), letter); err != nil {
		i.t.Fatal(err)
	}
	return letter
}

// payload stores a dead letter with the payload of a message as it was.
func (i *installation) payload(stage, reason, subject string, payload []byte) *drainlinev1.DeadBlock {
	i.t.Helper()
	id := wire.RandomID()
	letter := &drainlinev1.DeadBlock{
		Id: id[:], Stage: stage, Reason: reason, Sentence: "why", Content: drainlinev1.Content_CONTENT_PAYLOAD,
		Original: payload, Attempts: 6, ReceivedNs: 2e18, Subject: subject,
	}
	if err := i.conn.Dead(i.t.Context(), letter); err != nil {
		i.t.Fatal(err)
	}
	return letter
}

func idOf(d *drainlinev1.DeadBlock) string { return wire.ToID(d.GetId()).String() }

// payloads are what a stream holds.
func (i *installation) payloads(stream string) [][]byte {
	i.t.Helper()
	var all [][]byte
	err := i.conn.Stored(i.t.Context(), stream, time.Time{}, func(payload []byte) {
		message, err := wire.Open(nil, payload)
		if err != nil {
			i.t.Fatal(err)
		}
		all = append(all, message)
	})
	if err != nil {
		i.t.Fatal(err)
	}
	return all
}

func (i *installation) batches(destination string) []wire.Batch {
	i.t.Helper()
	var all []wire.Batch
	for _, message := range i.payloads(i.conn.Names().EventsStream(destination)) {
		var b wire.Batch
		if err := wire.ScanBatch(message, &b); err != nil {
			i.t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

func TestDeadListCountsByWhatLettersHaveInCommon(t *testing.T) {
	i := install(t)
	if got := i.output(deadCommand(), "list"); got != "no dead letters\n" {
		t.Errorf("%q", got)
	}
	i.die("shop")
	i.die("shop", "shop", "blog")
	i.bury("bad_frame", "blog\x1b")
	i.payload(wire.StageTransform, "damaged", i.conn.Names().RawSubject("s0"), []byte("\xff"))
	for _, c := range []struct {
		args []string
		want string // of each group, stage reason app letters events
	}{
		{nil, "shipper/hec_7 shop 2 3, shipper/hec_7 blog 1 1, transform/bad_frame blog\x1b 1 1, transform/damaged  1 1"},
		{[]string{"--stage", "transform"}, "transform/bad_frame blog\x1b 1 1, transform/damaged  1 1"},
		{[]string{"--reason", "hec_7", "--limit", "1"}, "shipper/hec_7 shop 1 1"},
		{[]string{"--app", "blog"}, "shipper/hec_7 blog 1 1, shipper/hec_7 shop 1 2"},
		{[]string{"--destination", "splunk", "--since", "1h"}, "shipper/hec_7 shop 2 3, shipper/hec_7 blog 1 1"},
		{[]string{"--until", "1h"}, ""},
		{[]string{"--reason", "none"}, ""},
	} {
		var groups []deadGroup
		if err := json.Unmarshal([]byte(i.output(deadCommand(), append([]string{"list", "-o", "json"}, c.args...)...)), &groups); err != nil {
			t.Fatal(err)
		}
		said := make([]string, 0, len(groups))
		for _, g := range groups {
			if g.First.IsZero() || g.Last.Before(g.First) {
				t.Errorf("%v to %v", g.First, g.Last)
			}
			said = append(said, strings.Join([]string{g.Stage + "/" + g.Reason, g.App, number(g.Letters), number(g.Events)}, " "))
		}
		if got := strings.Join(said, ", "); got != c.want {
			t.Errorf("%q: %q instead of %q", c.args, got, c.want)
		}
	}
	if got := i.output(deadCommand(), "list"); strings.ContainsRune(got, '\x1b') || !strings.Contains(got, "4 letters") {
		t.Errorf("%q", got)
	}
}

func number(n int) string {
	text, _ := json.Marshal(n) //nolint:errchkjson // a number
	return string(text)
}

func TestDeadShow(t *testing.T) {
	i := install(t)
	first, second := i.die("shop"), i.bury("bad_frame", "blog")
	if got := i.output(deadCommand(), "show"); strings.ContainsRune(got, '\x1b') || strings.Count(got, "letter ") != 2 ||
		!strings.Contains(got, "Splunk says: Incorrect index") || !strings.Contains(got, "0af7651916cd43dd8448eb211c80319c") ||
		!strings.Contains(got, "| method=GET path=/shop") || !strings.Contains(got, "| 12 <45>1 bad of") {
		t.Errorf("%q", got)
	}
	for _, c := range []struct {
		args []string
		want []*drainlinev1.DeadBlock
	}{
		{[]string{idOf(second)}, []*drainlinev1.DeadBlock{second}},
		{[]string{idOf(second), idOf(first)}, []*drainlinev1.DeadBlock{first, second}},
		{[]string{"--limit", "1"}, []*drainlinev1.DeadBlock{first}},
		{[]string{strings.ToUpper(idOf(first))}, []*drainlinev1.DeadBlock{first}},
		{[]string{"--reason", "none"}, nil},
	} {
		lines := json.NewDecoder(strings.NewReader(i.output(deadCommand(), append([]string{"show", "-o", "json"}, c.args...)...)))
		for _, want := range c.want {
			var l view.Letter
			if err := lines.Decode(&l); err != nil || l.ID != idOf(want) || l.Reason != want.GetReason() || len(l.Events) != 1 {
				t.Errorf("%q: %+v, %v", c.args, l, err)
			}
		}
		if lines.More() {
			t.Errorf("%q: there is more", c.args)
		}
	}
}

// The whole way of a replay: as it was, changed, through transform, and what must stay.
func TestDeadReplay(t *testing.T) {
	i := install(t)
	names := i.conn.Names()
	i.die("shop", "blog")
	out := i.output(deadCommand(), "replay", "--reason", "hec_7", "--set", "index=fixed", "--set", "destination=other", "--set", "bus.prefix=drainline")
	if out != "replayed 1 letter of 1\n" {
		t.Errorf("%q", out)
	}
	if got := i.batches("other"); len(got) != 1 || got[0].Destination != "other" || len(got[0].Events) != 2 || got[0].Events[1].Index != "fixed" ||
		got[0].Origins[1].App != "blog" || got[0].Origins[1].Traceparent != testTraceparent {
		t.Errorf("%+v", got)
	}

	buried := i.bury("bad_frame", "shop")
	whole, err := proto.Marshal(blockOf("blog", frame("x")))
	if err != nil {
		t.Fatal(err)
	}
	i.payload(wire.StageTransform, "crashes_consumer", names.RawSubject("s0"), wire.Seal(nil, whole))
	i.output(deadCommand(), "replay", "--stage", "transform", "--from", "transform", "--yes")
	raw := i.payloads(names.RawStream("s0"))
	if len(raw) != 2 || string(raw[1]) != string(whole) {
		t.Fatalf("%d blocks, or not as they were", len(raw))
	}
	var block drainlinev1.RawBlock
	if err := proto.Unmarshal(raw[0], &block); err != nil || len(block.GetRequests()) != 1 || string(block.GetId()) == string(buried.GetId()) ||
		string(block.GetRequests()[0].GetBody()) != "12 <45>1 bad of " {
		t.Errorf("%v, %v", &block, err)
	}

	full := batchOf("splunk", "shop")
	full.Ack = true
	i.payload(wire.StageShipper, "stream_full", names.EventsSubject("splunk"), wire.Seal(nil, encoded(full)))
	i.output(deadCommand(), "replay")
	if got := i.batches("splunk"); len(got) != 1 || got[0].ID != full.ID || !got[0].Ack {
		t.Errorf("%+v", got)
	}
	if left := i.held(names.DeadStream()); left != 0 {
		t.Errorf("%d letters are left", left)
	}
}

func TestWhatCannotBeReplayedStays(t *testing.T) {
	i := install(t)
	subject := i.conn.Names().RawSubject("s0")
	i.bury("bad_frame", "shop")
	i.die("shop")
	i.payload(wire.StageTransform, "damaged", subject, []byte("x"))
	i.payload(wire.StageTransform, "damaged", subject, make([]byte, 2<<20))
	i.payload(wire.StageTransform, "lost", "", wire.Seal(nil, nil))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--reason", "bad_frame", "--set", "index=x"}, "died before it was an event"},
		{[]string{"--reason", "hec_7", "--from", "transform"}, "cannot go through transform again"},
		{[]string{"--reason", "damaged", "--yes"}, "cannot be read"},
		{[]string{"--reason", "damaged", "--yes"}, "too large to be kept whole"},
		{[]string{"--reason", "lost"}, "nobody noted where it came from"},
	} {
		out, _, err := i.run(deadCommand(), append([]string{"replay"}, c.args...)...)
		if !errors.Is(err, errLeft) || !strings.Contains(out, "left: ") || !strings.Contains(out, c.want) {
			t.Errorf("%q: %q, %v", c.args, out, err)
		}
	}
	if left := i.held(i.conn.Names().DeadStream()); left != 5 {
		t.Errorf("%d letters are left of 5", left)
	}
}

// Between publish and removal a replay may die: the next recognises what it did, unless it
// is to do something else. A letter that dies again is another one.
func TestAReplayIsRepeated(t *testing.T) {
	i := install(t)
	letter := i.die("shop")
	search := view.Search{IDs: []string{idOf(letter)}}
	reader, err := view.NewReader(i.config)
	if err != nil {
		t.Fatal(err)
	}
	half := func(set ...string) {
		change, err := view.NewChange(set, []string{"splunk"})
		if err != nil {
			t.Fatal(err)
		}
		if err := reader.Find(t.Context(), i.conn, &search, func(f *view.Found) error {
			m, _, err := view.Replay(i.conn.Names(), f, change, false)
			if err != nil {
				return err
			}
			return i.conn.Publish(t.Context(), m)
		}); err != nil {
			t.Fatal(err)
		}
	}
	half()
	half()
	if got := len(i.batches("splunk")); got != 1 {
		t.Errorf("%d messages of one letter", got)
	}
	half("index=better")
	if got := i.batches("splunk"); len(got) != 2 || got[1].Events[0].Index != "better" {
		t.Errorf("a change was taken for a repetition: %+v", got)
	}
	i.output(deadCommand(), "replay") // as at first, and now it is removed
	if got := len(i.batches("splunk")); got != 2 {
		t.Errorf("%d messages", got)
	}
	again := i.die("shop") // as it does under the id of what was replayed
	search.IDs = []string{idOf(again)}
	half()
	if got := len(i.batches("splunk")); got != 3 {
		t.Errorf("%d messages: a letter that died again was taken for the first", got)
	}
}

func TestOneMistakeTouchesNoLetters(t *testing.T) {
	i := install(t)
	i.die("shop")
	i.die("shop")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"purge"}, "this would purge 2 letters: say --yes"},
		{[]string{"replay"}, "this would replay 2 letters: say --yes"},
		{[]string{"replay", "--from", "shipper", "--yes"}, "want transform"},
		{[]string{"replay", "--stage", "ingst", "--yes"}, "want ingest, transform or shipper"},
		{[]string{"list", "--stage", "ingst"}, "want ingest, transform or shipper"},
		{[]string{"replay", "--set", "destination=none", "--yes"}, "no such destination"},
		{[]string{"replay", "--set", "index=", "--yes"}, "and its value"},
		{[]string{"purge", "xyz", "--yes"}, "no letter's id"},
		{[]string{"purge", "--reason", "a.b", "--yes"}, "dead list"},
		{[]string{"purge", "--since", "-1h", "--yes"}, "not negative"},
	} {
		_, _, err := i.run(deadCommand(), c.args...)
		if _, usage := errors.AsType[*app.UsageError](err); !usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.args, err)
		}
	}
	if left := i.held(i.conn.Names().DeadStream()); left != 2 {
		t.Errorf("%d letters are left of 2", left)
	}
	if got := i.output(deadCommand(), "purge", "--reason", "none"); got != "no such letters\n" {
		t.Errorf("%q", got)
	}
}

func TestDeadPurgeAndItsRecord(t *testing.T) {
	i := install(t)
	i.die("shop")
	i.die("shop")
	keep := i.die("blog")
	i.output(deadCommand(), "show", idOf(keep))
	var r result
	if err := json.Unmarshal([]byte(i.output(deadCommand(), "purge", "--app", "shop", "--yes", "-o", "json")), &r); err != nil || r.Done != 2 || r.Matched != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if left := i.held(i.conn.Names().DeadStream()); left != 1 {
		t.Errorf("%d letters are left", left)
	}
	i.output(deadCommand(), "replay", idOf(keep), "--set", "host=x")
	lines := json.NewDecoder(strings.NewReader(i.output(auditCommand(), "-o", "json")))
	for _, want := range []deed{
		{Action: audit.ActionDeadShow, Filter: idOf(keep), Count: 1},
		{Action: audit.ActionDeadPurge, Filter: "--app=shop --yes=true", Count: 2},
		{Action: audit.ActionDeadPurgeEnd, Filter: "--app=shop --yes=true", Count: 2},
		{Action: audit.ActionDeadReplay, Filter: idOf(keep) + ` host="x"`, Count: 1},
		{Action: audit.ActionDeadReplayEnd, Filter: idOf(keep) + ` host="x"`, Count: 1},
	} {
		var got deed
		if err := lines.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Action != want.Action || got.Filter != want.Filter || got.Count != want.Count || got.Configuration == "" || got.Error != "" ||
			!strings.Contains(got.Operator, "@") || time.Since(got.At) > time.Hour {
			t.Errorf("%+v instead of %+v", got, want)
		}
	}
	if lines.More() {
		t.Error("there are more records")
	}
	if got := i.output(auditCommand()); !strings.Contains(got, "dead purge") || !strings.Contains(got, "--app=shop") {
		t.Errorf("%q", got)
	}
	if got := i.output(auditCommand(), "--since", "0s"); strings.Contains(got, "purge") {
		t.Errorf("%q", got)
	}
}

func TestTheBarFitsALine(t *testing.T) {
	for done, want := range map[int]string{0: "[" + strings.Repeat(".", 40) + "] 0 of 3", 3: "[" + strings.Repeat("#", 40) + "] 3 of 3"} {
		if got := (&bar{done: done, total: 3}).line(); got != want {
			t.Errorf("%q", got)
		}
	}
}

// --app is whose events are touched, not whose letters.
func TestOtherAppsEventsAreLeft(t *testing.T) {
	i := install(t)
	for _, name := range []string{"purge", "replay"} {
		i.die("staging", "shop")
		i.die("staging", "staging")
		args := []string{name, "--app", "staging"} // without --yes: it is one letter
		if name == "replay" {
			args = append(args, "--set", "index=x")
		}
		out, _, err := i.run(deadCommand(), args...)
		if !errors.Is(err, errLeft) || !strings.Contains(out, "d 1 letter of 2\n1 letter left: they have events of other apps") {
			t.Errorf("%s: %q, %v", name, out, err)
		}
		var groups []deadGroup
		if err := json.Unmarshal([]byte(i.output(deadCommand(), "list", "-o", "json", "--app", "staging")), &groups); err != nil || len(groups) != 2 {
			t.Errorf("after %s there are %+v, %v", name, groups, err)
		}
		i.output(deadCommand(), "purge", "--yes")
	}
	for _, b := range i.batches("splunk") {
		for n := range b.Events {
			if b.Origins[b.Events[n].Origin].App != "staging" {
				t.Errorf("an event of %s was replayed", b.Origins[b.Events[n].Origin].App)
			}
		}
	}
}

// garbage stores a letter that nobody can read.
func (i *installation) garbage(stage, reason string) {
	i.t.Helper()
	m := bus.Msg{ID: wire.RandomID(), Subject: i.conn.Names().DeadSubject(stage, reason), Payload: []byte("garbage")}
	if err := i.conn.Publish(i.t.Context(), m); err != nil {
		i.t.Fatal(err)
	}
}

func TestALetterThatNobodyCanReadHoldsUpNoOther(t *testing.T) {
	i := install(t)
	i.garbage(wire.StageShipper, "hec_6")
	out, _, err := i.run(deadCommand(), "list")
	if err == nil || err.Error() != "1 letter cannot be read, being damaged or of a newer Drainline" || out != "" {
		t.Errorf("list: %q, %v", out, err)
	}
	for _, c := range []struct {
		args []string
		want string
		left uint64
	}{
		{[]string{"replay", "--yes"}, "replayed 1 letter of 2\n1 letter left: they cannot be read", 1},
		{[]string{"purge", "--yes"}, "purged 1 letter of 2\n1 letter left: they cannot be read", 1},
		{[]string{"purge", "--app", "shop"}, "purged 1 letter of 2\n1 letter left: they cannot be read", 1},
		{[]string{"purge", "--reason", "hec_6", "--destination", "splunk"}, "purged 0 letters of 1\n1 letter left: they cannot be read", 2},
	} {
		i.die("shop")
		out, _, err := i.run(deadCommand(), c.args...)
		if !errors.Is(err, errLeft) || !strings.HasPrefix(out, c.want) {
			t.Errorf("%q: %q, %v", c.args, out, err)
		}
		if left := i.held(i.conn.Names().DeadStream()); left != c.left {
			t.Errorf("%q: %d letters are left", c.args, left)
		}
	}
	out, _, err = i.run(deadCommand(), "list")
	if err == nil || !strings.Contains(err.Error(), "1 letter cannot be read") || !strings.Contains(out, "hec_7") {
		t.Errorf("list: %q, %v", out, err)
	}
	if out := i.output(deadCommand(), "purge", "--reason", "hec_6"); out != "purged 1 letter of 1\n" {
		t.Errorf("%q", out)
	}
	if left := i.held(i.conn.Names().DeadStream()); left != 1 {
		t.Errorf("%d letters are left", left)
	}
}

func TestALetterThatIsNotThereIsToldByItsID(t *testing.T) {
	i := install(t)
	none := strings.Repeat("0", 32)
	for _, name := range []string{"show", "replay", "purge"} {
		there := i.die("shop")
		out, errs, err := i.run(deadCommand(), name, none)
		if err == nil || err.Error() != "there is no such letter: "+none || out+errs != "" {
			t.Errorf("%s: %q, %q, %v", name, out, errs, err)
		}
		if _, _, err = i.run(deadCommand(), name, none, idOf(there)); err == nil || !strings.Contains(err.Error(), none) || strings.Contains(err.Error(), idOf(there)) {
			t.Errorf("%s of two: %v", name, err)
		}
	}
	if left := i.held(i.conn.Names().DeadStream()); left != 1 {
		t.Errorf("%d letters are left, not the one that was shown only", left)
	}
}

// Where nothing could be read nobody says that nothing is there.
func TestTroubleIsNotTakenForNothing(t *testing.T) {
	i := install(t)
	if err := i.conn.JetStream().DeleteStream(t.Context(), i.conn.Names().DeadStream()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"list", "show", "purge"} {
		out, errs, err := i.run(deadCommand(), name)
		if err == nil || out+errs != "" {
			t.Errorf("%s: %q, %q, %v", name, out, errs, err)
		}
	}
}

// Whatever is wrong with how a command is called is said before the bus is asked for.
func TestMistakesAreTheUsersWithoutABus(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"dead", "lst"}, "unknown command"},
		{[]string{"dead", "list", "--stage", "ingst"}, "--stage"},
		{[]string{"dead", "replay", "--set", "index"}, "and its value"},
		{[]string{"dead", "show", "xyz"}, "no letter's id"},
		{[]string{"tap", "raw", "--kind", "foo"}, "--kind foo"},
		{[]string{"audit", "--since", "-1h"}, "not negative"},
	} {
		if c.args[1] != "lst" {
			c.args = append(c.args, "--set", "bus.embedded.dir="+t.TempDir())
		}
		_, err := runRoot(t, c.args...)
		_, usage := errors.AsType[*app.UsageError](err)
		if err == nil || !usage && c.args[1] != "lst" || // of which Main makes one
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}

// What was booked as dead and goes out again balances, also where it goes elsewhere.
func TestTheBooksBalanceAfterAReplay(t *testing.T) {
	i := install(t)
	post := func(stage string, booking func(r *ledger.Row) *ledger.Amount, destination string, apps ...string) {
		l := ledger.New(ledger.Options{Bus: i.conn, Stage: stage, Log: bustest.Log(t)})
		var tally ledger.Tally
		for _, name := range apps {
			booking(tally.Row(ledger.Key{Input: name, Destination: destination})).Add(1, 10)
		}
		l.Post(&tally)
		l.Flush()
	}
	open := func() string {
		books, err := ledger.Read(t.Context(), i.conn, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, b := range books.Balances() {
			all = append(all, b.Input+" "+b.Destination+" "+number(int(b.Replayed.Events))+" "+number(int(b.Open)))
		}
		return strings.Join(all, ", ")
	}
	dead := func(r *ledger.Row) *ledger.Amount { return &r.Dead }
	delivered := func(r *ledger.Row) *ledger.Amount { return &r.Delivered }
	post(wire.StageTransform, func(r *ledger.Row) *ledger.Amount { return &r.Accepted }, "splunk", "shop", "shop", "blog", "lost")
	post(wire.StageShipper, dead, "splunk", "shop", "shop", "blog", "lost")
	i.die("shop", "shop", "blog")
	moved := i.die("lost")
	i.output(deadCommand(), "replay", idOf(moved), "--set", "destination=other")
	i.output(deadCommand(), "replay")
	if got, want := open(), "blog splunk 1 1, lost other 1 1, lost splunk 0 0, shop splunk 2 2"; got != want {
		t.Errorf("on the way %s instead of %s", got, want)
	}
	post(wire.StageShipper, delivered, "splunk", "shop", "shop", "blog")
	post(wire.StageShipper, delivered, "other", "lost")
	if got, want := open(), "blog splunk 1 0, lost other 1 0, lost splunk 0 0, shop splunk 2 0"; got != want {
		t.Errorf("at the end %s instead of %s", got, want)
	}
}
