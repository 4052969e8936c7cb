package shipper

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
	"github.com/drainline/drainline/services/internal/topology"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// acknowledge makes the streams of acknowledgement.
func (f *fixture) acknowledge() {
	f.t.Helper()
	f.config.Ingest.HEC.Tokens = map[string]config.Token{"t": {Ack: true}}
	if err := topology.New(f.config, capacity).Apply(f.t.Context(), f.conn); err != nil {
		f.t.Fatal(err)
	}
}

// publishAwaited stores a batch of which somebody waits to hear.
func (f *fixture) publishAwaited(destination string, events int, change ...func(n int, e *wire.Event)) wire.ID {
	f.t.Helper()
	b := wire.Batch{ID: wire.RandomID(), Destination: destination, Ack: true, Origins: []wire.Origin{{ReceivedNS: time.Now().UnixNano()}}}
	message := wire.AppendBatch(nil, &b)
	for range events {
		e := wire.Event{TimeNS: time.Now().UnixNano(), Sourcetype: "s", Text: fmt.Appendf(nil, "id=%d", f.events)}
		for _, c := range change {
			c(f.events, &e)
		}
		message = wire.AppendEvent(message, &e)
		f.events++
	}
	f.publishPayload(destination, b.ID, wire.Seal(nil, message))
	return b.ID
}

// told is what has been told to be settled, a note an item.
func (f *fixture) told() [][]wire.ID {
	f.t.Helper()
	var told [][]wire.ID
	stop, err := f.dial().FollowAcks(f.t.Context(), func(n *drainlinev1.AckNote, _ time.Time) {
		var ids []wire.ID
		for _, id := range n.GetSettled() {
			ids = append(ids, wire.ToID(id))
		}
		told = append(told, ids)
	}, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	stop()
	return told
}

func (f *fixture) wantTold(want ...wire.ID) {
	f.t.Helper()
	got := slices.Concat(f.told()...)
	slices.SortFunc(got, func(a, b wire.ID) int { return slices.Compare(a[:], b[:]) })
	slices.SortFunc(want, func(a, b wire.ID) int { return slices.Compare(a[:], b[:]) })
	if !slices.Equal(got, want) {
		f.t.Errorf("told of %v, want %v", got, want)
	}
}

// Who waits for a batch has been told when it leaves the bus; nobody is told of
// the others.
func TestAwaitedBatchesAreTold(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Batch: config.Batch{MaxEvents: 7}}})
	f.acknowledge()
	var want []wire.ID
	for range 20 {
		want = append(want, f.publishAwaited("splunk", 10))
		f.publish("splunk", 10)
	}
	want = append(want, f.publishAwaited("splunk", 0))
	s := f.start()
	f.awaitAcked("splunk")
	f.wantTold(want...)
	c.wantOnce(t, 400)
	if n := s.meters["splunk"].untold.Load(); n != 0 {
		t.Errorf("%d untold", n)
	}
}

// What one request settles is told in one message.
func TestSettledTogetherToldTogether(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}, Batch: config.Batch{MaxEvents: 50, Linger: time.Hour}}})
	f.acknowledge()
	var want []wire.ID
	for range 50 {
		want = append(want, f.publishAwaited("splunk", 1))
	}
	f.start()
	f.awaitAcked("splunk")
	f.wantTold(want...)
	if n := len(f.told()); n != 1 {
		t.Errorf("%d notes", n)
	}
}

func TestNothingIsToldBeforeItIsDelivered(t *testing.T) {
	t.Parallel()
	url, requests := silent(t)
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{url}, Timeout: 50 * time.Millisecond}})
	f.acknowledge()
	f.publishAwaited("splunk", 10)
	s := f.start()
	f.await("it is tried more than once", func() bool { return requests.Load() > 1 })
	s.stop()
	f.wantTold()
}

// A batch is settled when some of its events are dead letters, or all of it is.
func TestDeadLettersAreSettled(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{Tokens: map[string]splunk.Token{token: {Indexes: []string{"main"}}}})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
	f.acknowledge()
	want := []wire.ID{f.publishAwaited("splunk", 5, func(n int, e *wire.Event) {
		if n == 2 {
			e.Index = "other"
		}
	})}
	broken := wire.Batch{ID: wire.RandomID(), Destination: "splunk", Ack: true}
	payload := wire.Seal(nil, append(wire.AppendBatch(nil, &broken), 7<<3|2, 100)) // an event that is not there
	f.publishPayload("splunk", broken.ID, payload)
	want = append(want, broken.ID)
	f.publishPayload("splunk", wire.RandomID(), []byte("damaged"))
	f.start()
	f.awaitAcked("splunk")
	f.wantTold(want...)
	var nobody wire.Batch
	for _, letter := range f.letters() {
		if letter.GetContent() != drainlinev1.Content_CONTENT_EVENT_BATCH {
			continue
		}
		if err := wire.ScanBatch(letter.GetOriginal(), &nobody); err != nil || nobody.Ack {
			t.Errorf("%v, a replayed letter would be told: %v", err, nobody.Ack)
		}
	}
	if n := len(f.letters()); n != 3 {
		t.Errorf("%d dead letters", n)
	}
}

// Nobody waits for a batch whose takers die of it, nor sends its events again for ever.
func TestABatchThatKillsIsSettled(t *testing.T) {
	t.Parallel()
	for _, acknowledges := range []bool{true, false} {
		t.Run(fmt.Sprint(acknowledges), func(t *testing.T) {
			t.Parallel()
			c := collect(t, splunk.Options{})
			f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
			if acknowledges {
				f.acknowledge()
			}
			id := f.publishAwaited("splunk", 5)
			bustest.Poison(t, f.conn, f.conn.Names().EventsStream("splunk"), wire.ShipperConsumer, wire.StageShipper, id)
			f.start()
			f.awaitAcked("splunk")
			if letters := f.letters(); len(letters) != 1 || letters[0].GetReason() != bus.ReasonCrashes {
				t.Errorf("dead letters: %v", letters)
			}
			if acknowledges {
				f.wantTold(id)
			} else if n := f.log.count("HEC clients"); n != 0 {
				t.Errorf("%d lines in the log about nobody", n)
			}
		})
	}
}

// Delivery goes on when nobody can be told, whatever the reason.
func TestDeliveryDoesNotWaitForAcknowledgement(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(f *fixture)
		untold  int64
		said    string
	}{
		"no stream": {func(*fixture) {}, 30, "HEC clients are not told"},
		"a stream that does not answer": {func(f *fixture) {
			stream := jetstream.StreamConfig{Name: f.conn.Names().AckStream(), Subjects: []string{f.config.Bus.Prefix + ".elsewhere"}}
			if _, err := f.conn.JetStream().CreateStream(f.t.Context(), stream); err != nil {
				f.t.Fatal(err)
			}
		}, 0, "acknowledgement can not be told"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			splunk := collect(t, splunk.Options{})
			f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{splunk.url}, Batch: config.Batch{MaxEvents: 10}}})
			c.prepare(f)
			s := f.start()
			for range 30 {
				f.publishAwaited("splunk", 10)
			}
			f.awaitAcked("splunk")
			splunk.wantOnce(t, 300)
			if n := s.meters["splunk"].untold.Load(); n != c.untold {
				t.Errorf("%d untold", n)
			}
			if n := f.log.count(c.said); n != 1 {
				t.Errorf("%d lines in the log", n)
			}
		})
	}
}

// What is delivered while the bus is away for long is told when it is back.
func TestWhatABusThatIsAwayIsToldLater(t *testing.T) {
	t.Parallel()
	o := server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 1 << 40, JetStreamMaxMemory: 1 << 20,
	}
	ns := serve(t, &o)
	c := collect(t, splunk.Options{})
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-answer
		c.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	f := setUpOn(t, ns.ClientURL(), map[string]config.Destination{"splunk": {URLs: []string{slow.URL}}})
	f.acknowledge()
	s := f.start()
	id := f.publishAwaited("splunk", 10)
	<-asked
	ns.Shutdown()
	ns.WaitForShutdown()
	close(answer)
	f.await("the shipper goes on without telling", func() bool { return f.log.count("acknowledgement can not be told") == 1 })
	serve(t, &o)
	f.awaitAcked("splunk")
	f.await("it is told", func() bool { return len(f.told()) > 0 })
	f.wantTold(id)
	c.wantOnce(t, 10)
	if n := s.meters["splunk"].untold.Load(); n != 0 {
		t.Errorf("%d untold", n)
	}
}

// serve starts a server that can be stopped, and started again where it was.
func serve(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	options := *o // the server writes into them
	ns, err := server.NewServer(&options)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	})
	if !ns.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	o.Port = ns.Addr().(*net.TCPAddr).Port
	return ns
}

// Once telling works again it has its time again.
func TestTellingWorksAgain(t *testing.T) {
	t.Parallel()
	c := collect(t, splunk.Options{})
	f := setUp(t, map[string]config.Destination{"splunk": {URLs: []string{c.url}}})
	f.start()
	f.publishAwaited("splunk", 1)
	f.awaitAcked("splunk")
	f.acknowledge()
	f.await("something is told", func() bool {
		f.publishAwaited("splunk", 1)
		f.awaitAcked("splunk")
		return len(f.told()) > 0
	})
}
