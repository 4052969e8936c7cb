package topology_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/services/internal/topology"
)

func TestCompareChangesNothing(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	plan := topology.New(configured(), 10*gib)
	missing, err := plan.Compare(t.Context(), conn)
	if err != nil || len(missing) != len(plan.Streams) {
		t.Errorf("%v, %v", missing, err)
	}
	for _, d := range missing {
		if !d.Missing || d.String() != d.Stream+" is missing" {
			t.Errorf("%+v", d)
		}
	}
	if info, err := js.AccountInfo(t.Context()); err != nil || info.Streams != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	if err := plan.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteConsumer(t.Context(), "p_raw_s1", "transform"); err != nil {
		t.Fatal(err)
	}
	if _, err := js.UpdateConsumer(t.Context(), "p_raw_s0", jetstream.ConsumerConfig{
		Durable: "transform", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxAckPending: 4096, MaxDeliver: -1,
	}); err != nil {
		t.Fatal(err)
	}
	got, err := plan.Compare(t.Context(), conn)
	want := []topology.Difference{
		{Stream: "p_raw_s0", Consumer: "transform", Key: "ack_wait", Want: "30s", Got: "1m0s"},
		{Stream: "p_raw_s1", Consumer: "transform", Missing: true},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// What JetStream refuses to change is told before somebody tries.
func TestCompareKnowsWhatCannotBeChanged(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	plan := topology.New(acknowledging(), 10*gib)
	for _, have := range []jetstream.StreamConfig{
		{Name: "p_raw_s0", Subjects: []string{"p.raw.s0"}, Retention: jetstream.InterestPolicy, MaxBytes: 7},
		{Name: "p_raw_s1", Subjects: []string{"p.raw.s1"}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.MemoryStorage},
		{Name: "p_dead", Subjects: []string{"p.dead.>"}, Retention: jetstream.InterestPolicy},
		{Name: "p_ackids", Subjects: []string{"p.ackids.>"}},
	} {
		if _, err := js.CreateStream(t.Context(), have); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.CreateConsumer(t.Context(), "p_raw_s0", jetstream.ConsumerConfig{Durable: "transform", AckPolicy: jetstream.AckAllPolicy}); err != nil {
		t.Fatal(err)
	}
	found, err := plan.Compare(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range found {
		if d.Immutable {
			got = append(got, strings.TrimSpace(d.Stream+" "+d.Consumer)+" "+d.Key)
		}
	}
	slices.Sort(got)
	want := []string{"p_ackids allow_msg_counter", "p_raw_s0 retention", "p_raw_s0 transform ack_policy", "p_raw_s1 storage"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	// The server agrees, one stream after the other: the others can be changed.
	for _, s := range plan.Streams {
		one := topology.Plan{Streams: []topology.Stream{s}}
		fixed := slices.ContainsFunc(found, func(d topology.Difference) bool { return d.Stream == s.Config.Name && d.Immutable })
		if err := one.Apply(t.Context(), conn); (err != nil) != fixed {
			t.Errorf("%s: %v, said to be immutable: %v", s.Config.Name, err, fixed)
		}
	}
}

// What an operator has set besides stays: where a stream is placed, what it is said to be.
func TestApplyKeepsWhatIsNotPlanned(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	plan := topology.New(configured(), 10*gib)
	stream := plan.Streams[0].Config
	stream.Description, stream.MaxBytes = "the first", 1<<20
	if _, err := js.CreateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	consumer := *plan.Streams[0].Consumer
	consumer.Description, consumer.MaxAckPending = "the only", 7
	if _, err := js.CreateConsumer(t.Context(), stream.Name, consumer); err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if left, err := plan.Compare(t.Context(), conn); err != nil || left != nil {
		t.Errorf("%v, %v", left, err)
	}
	s, err := js.Stream(t.Context(), stream.Name)
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.Consumer(t.Context(), consumer.Durable)
	if err != nil {
		t.Fatal(err)
	}
	if s.CachedInfo().Config.Description != "the first" || k.CachedInfo().Config.Description != "the only" {
		t.Errorf("%+v, %+v", s.CachedInfo().Config, k.CachedInfo().Config)
	}
}

// A copy of everything to whoever listens is noticed, and taken back.
func TestApplyTakesBackWhatCopiesMessages(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	plan := topology.New(configured(), 10*gib)
	if err := plan.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	changed := plan.Streams[0].Config
	changed.RePublish = &jetstream.RePublish{Source: ">", Destination: "spy.>"}
	changed.Sources = []*jetstream.StreamSource{{Name: "theirs"}}
	changed.SubjectTransform = &jetstream.SubjectTransformConfig{Source: ">", Destination: "other.>"}
	if _, err := js.UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	got, err := plan.Compare(t.Context(), conn)
	want := []topology.Difference{
		{Stream: changed.Name, Key: "republish", Want: "not set", Got: "set"},
		{Stream: changed.Name, Key: "sources", Want: "not set", Got: "set"},
		{Stream: changed.Name, Key: "subject_transform", Want: "not set", Got: "set"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if err := plan.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if left, err := plan.Compare(t.Context(), conn); err != nil || left != nil {
		t.Errorf("%v, %v", left, err)
	}
}

func TestOrphans(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	if err := topology.New(configured(), gib).Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	for _, other := range []jetstream.StreamConfig{
		{Name: "p_x_dead", Subjects: []string{"p_x.dead.>"}}, // of another installation
		{Name: "theirs", Subjects: []string{"orders.>"}},
	} {
		if _, err := js.CreateStream(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.Publish(t.Context(), "p.events.archive", []byte("left")); err != nil {
		t.Fatal(err)
	}
	fewer := configured()
	delete(fewer.Destinations, "archive")
	orphans, err := topology.New(fewer, gib).Orphans(t.Context(), conn)
	if err != nil || len(orphans) != 1 || orphans[0].Name != "p_events_archive" || orphans[0].Messages != 1 || orphans[0].Oldest.IsZero() {
		t.Errorf("%+v, %v", orphans, err)
	}
	if orphans, err := topology.New(configured(), gib).Orphans(t.Context(), conn); err != nil || orphans != nil {
		t.Errorf("%+v, %v", orphans, err)
	}
}

func TestHoldingsSayWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	conn, js := start(t, 1000*gib)
	plan := topology.New(configured(), gib)
	if err := plan.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := js.Publish(t.Context(), "p.events.splunk", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	k, err := js.Consumer(t.Context(), "p_events_splunk", "shipper")
	if err != nil {
		t.Fatal(err)
	}
	taken, err := k.Fetch(2)
	if err != nil {
		t.Fatal(err)
	}
	for range taken.Messages() { // held, and not acknowledged
	}
	holdings, err := plan.Holdings(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range holdings {
		switch h.Name {
		case "p_events_splunk":
			if h.Destination != "splunk" || !h.Consumed || h.Messages != 5 || h.Pending != 3 || h.Unacked != 2 {
				t.Errorf("%+v", h)
			}
		case "p_dead":
			if h.Consumed || h.Pending != 0 || h.Destination != "" || !h.Oldest.IsZero() {
				t.Errorf("%+v", h)
			}
		}
	}
}
