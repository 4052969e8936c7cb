package bus

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// writing is a BlockWriter whose server can be made to keep its answers back.
type writing struct {
	*BlockWriter
	t     *testing.T
	proxy *proxy
	js    jetstream.JetStream
}

func startWriting(t *testing.T) *writing {
	t.Helper()
	s := startServer(t)
	w := &writing{t: t, proxy: startProxy(t, s), js: s.admin()}
	createStreams(t, w.js, shortWait, rawConfig())
	w.BlockWriter = NewBlockWriter(dial(t, w.proxy.url()), "s0", nil)
	t.Cleanup(func() {
		w.proxy.holdAnswers(false)
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// occupy puts a first block in flight and returns what ends that.
func (w *writing) occupy() (release func()) {
	w.t.Helper()
	w.proxy.holdAnswers(true)
	first := w.start(w.t.Context(), numbered(-1))
	eventually(w.t, "the first block is stored", func() bool { return streamState(w.t, w.js, rawStream).Msgs == 1 })
	return func() {
		w.t.Helper()
		w.proxy.holdAnswers(false)
		if err := <-first; err != nil {
			w.t.Error(err)
		}
	}
}

// start appends in the background and returns once the requests wait, or are taken.
func (w *writing) start(ctx context.Context, requests ...*drainlinev1.Request) <-chan error {
	w.t.Helper()
	before, stored := w.queued(), streamState(w.t, w.js, rawStream).Msgs
	outcome := make(chan error, 1)
	go func() { outcome <- w.Append(ctx, requests...) }()
	eventually(w.t, "requests wait", func() bool { return w.queued() > before || streamState(w.t, w.js, rawStream).Msgs > stored })
	return outcome
}

func (w *writing) queued() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

func TestALoneRequestIsStoredAtOnce(t *testing.T) {
	t.Parallel()
	w := startWriting(t)
	want := &drainlinev1.Request{
		Id: bytes.Repeat([]byte{7}, 16), Door: drainlinev1.Door_DOOR_LOGPLEX, Credential: "team", DrainToken: "d.1", FrameId: "f", RequestId: "r",
		Facts: &drainlinev1.Facts{PathApp: "app", UserAgent: "Logplex/v72", RemoteAddr: "10.0.0.1", MsgCount: "1"},
		Query: map[string]string{"app": "a", "env": "b"}, ReceivedNs: 1, Trace: &drainlinev1.Trace{Traceparent: "00-1", Tracestate: "x=y"},
		Encoding: drainlinev1.Encoding_ENCODING_FRAMES, Body: []byte("2 hi"), FirstFrame: 3,
	}
	if err := w.Append(soon(t), want); err != nil {
		t.Fatal(err)
	}
	all := blocks(t, w.js)
	if len(all) != 1 {
		t.Fatalf("%d blocks", len(all))
	}
	if diff := cmp.Diff([]*drainlinev1.Request{want}, all[0].GetRequests(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if err := w.Append(soon(t)); err != nil {
		t.Errorf("nothing to append: %v", err)
	}
}

func TestRequestsThatComeDuringAPublishBecomeOneBlock(t *testing.T) {
	t.Parallel()
	w := startWriting(t)
	release := w.occupy()
	const n = 40
	outcomes := make([]<-chan error, n)
	want := []string{"-1"}
	for i := range n {
		outcomes[i] = w.start(t.Context(), numbered(2*i), numbered(2*i+1))
		want = append(want, strconv.Itoa(2*i), strconv.Itoa(2*i+1))
	}
	if got := streamState(t, w.js, rawStream).Msgs; got != 1 {
		t.Errorf("%d publishes in flight", got)
	}
	release()
	for _, o := range outcomes {
		if err := <-o; err != nil {
			t.Error(err)
		}
	}
	all := blocks(t, w.js)
	if len(all) != 2 {
		t.Errorf("%d blocks instead of one for each publish", len(all))
	}
	if diff := cmp.Diff(want, frameIDs(all)); diff != "" {
		t.Errorf("requests and their order: %s", diff)
	}
}

func sized(body int, noise bool) *drainlinev1.Request {
	r := &drainlinev1.Request{Id: make([]byte, 16), Body: make([]byte, body)}
	if noise {
		rand.Read(r.GetBody())
	}
	return r
}

func TestBlocksAreFilledUpToTheLimit(t *testing.T) {
	t.Parallel()
	withEnvelope := func(body, envelope int) *drainlinev1.Request {
		r := sized(body, true)
		noise := make([]byte, envelope/2)
		rand.Read(noise)
		r.Query = map[string]string{"app": fmt.Sprintf("%x", noise)}
		return r
	}
	repeat := func(n int, r *drainlinev1.Request) []*drainlinev1.Request {
		return slices.Repeat([]*drainlinev1.Request{r}, n)
	}
	for _, c := range []struct {
		name     string
		requests []*drainlinev1.Request
		want     []int // requests of each block
	}{
		{"two fit", repeat(2, sized(wire.MaxBlock/2-64, true)), []int{2}},
		{"two do not fit", repeat(2, sized(wire.MaxBlock/2, true)), []int{1, 1}},
		{"a full body and its neighbours", []*drainlinev1.Request{sized(1, false), sized(wire.MaxBlock, true), sized(1, false)}, []int{1, 1, 1}},
		{"a large envelope", []*drainlinev1.Request{withEnvelope(wire.MaxBlock, 256<<10), sized(1, false)}, []int{1, 1}},
		{"tiny ones", repeat(20000, sized(1, false)), []int{20000}},
		{"very many tiny ones", repeat(30000, sized(1, false)), []int{wire.MaxBlock / 23, 30000 - wire.MaxBlock/23}}, // 23 bytes each in the block
		{"as large as may be", []*drainlinev1.Request{sized(wire.MaxPayload-blockEnvelope-22, true)}, []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := startWriting(t)
			if err := w.Append(soon(t), c.requests...); err != nil {
				t.Fatal(err)
			}
			var got []int
			for i, m := range stored(t, w.js, rawStream) {
				block := openBlock(t, m.Data)
				got = append(got, len(block.GetRequests()))
				if size := proto.Size(block); size > wire.MaxBlock+blockEnvelope && got[i] > 1 {
					t.Errorf("block %d has %d bytes", i, size)
				}
				if len(m.Data) > wire.MaxPayload {
					t.Errorf("the payload of block %d has %d bytes", i, len(m.Data))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// However requests are appended, blocks hold all of them, in order and within bounds.
func TestBlocksHoldEverythingInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &BlockWriter{wake: make(chan struct{}, 1), room: semaphore.NewWeighted(maxWaiting)}
		body := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, wire.MaxBlock/8), rapid.Just(wire.MaxBlock))
		groups := rapid.SliceOfN(rapid.SliceOfN(body, 1, 4), 1, 6).Draw(t, "bodies")
		var want []string
		for g, group := range groups {
			requests := make([]*drainlinev1.Request, len(group))
			for i, size := range group {
				requests[i] = sized(size, false)
				requests[i].FrameId = fmt.Sprintf("%d.%d", g, i)
				want = append(want, requests[i].GetFrameId())
			}
			a, err := newAppended(requests)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.enqueue(context.Background(), a); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for members := w.take(nil); len(members) > 0; members = w.take(nil) {
			var encoded []byte
			for _, m := range members {
				encoded = append(encoded, m.of.encoded[m.begin:m.end]...)
			}
			block := &drainlinev1.RawBlock{}
			if err := proto.Unmarshal(encoded, block); err != nil {
				t.Fatal(err)
			}
			if len(encoded) > wire.MaxBlock && len(block.GetRequests()) > 1 {
				t.Fatalf("%d bytes in a block of %d requests", len(encoded), len(block.GetRequests()))
			}
			got = append(got, frameIDs([]*drainlinev1.RawBlock{block})...)
			w.settle(members, nil)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if !w.room.TryAcquire(maxWaiting) {
			t.Fatal("room is lost")
		}
	})
}

func TestAppendIsWithdrawnWhileItWaits(t *testing.T) {
	t.Parallel()
	w := startWriting(t)
	release := w.occupy()
	ctx, cancel := context.WithCancel(t.Context())
	withdrawn := w.start(ctx, numbered(1))
	stays := w.start(t.Context(), numbered(2))
	cancel()
	var retry *RetryError
	if err := <-withdrawn; !errors.As(err, &retry) || !errors.Is(err, context.Canceled) {
		t.Errorf("outcome %v", err)
	}
	release()
	if err := <-stays; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"-1", "2"}, frameIDs(blocks(t, w.js))); diff != "" {
		t.Error(diff)
	}
}

func TestAppendIsUnsettledAndStoredLater(t *testing.T) {
	t.Parallel()
	w := startWriting(t)
	w.proxy.holdAnswers(true)
	ctx, cancel := context.WithCancel(t.Context())
	// The first fills a block, so that the second waits when the first is on its way.
	requests := []*drainlinev1.Request{sized(wire.MaxBlock, true), numbered(2)}
	outcome := w.start(ctx, requests...)
	eventually(t, "the first block is stored", func() bool { return streamState(t, w.js, rawStream).Msgs == 1 })
	cancel()
	var unsettled *UnsettledError
	if err := <-outcome; !errors.As(err, &unsettled) || !errors.Is(err, context.Canceled) {
		t.Fatalf("outcome %v", err)
	}
	requests[1].Body[0] = 'X' // ours again
	select {
	case err := <-unsettled.Done():
		t.Fatalf("settled before the server answered: %v", err)
	default:
	}
	w.proxy.holdAnswers(false)
	if err := <-unsettled.Done(); err != nil {
		t.Error(err)
	}
	all := blocks(t, w.js)
	if len(all) != 2 || !proto.Equal(all[1].GetRequests()[0], numbered(2)) {
		t.Errorf("stored: %v", frameIDs(all))
	}
}

func TestABadRequestHarmsNoOther(t *testing.T) {
	t.Parallel()
	w := startWriting(t)
	release := w.occupy()
	good := w.start(t.Context(), numbered(1))
	for name, bad := range map[string]*drainlinev1.Request{
		"no UTF-8":            {Credential: "\xff"},
		"no UTF-8 in facts":   {Facts: &drainlinev1.Facts{UserAgent: "a\x80"}},
		"envelope":            {Query: map[string]string{"app": strings.Repeat("a", wire.MaxPayload)}},
		"body and envelope":   {Body: make([]byte, wire.MaxBlock), FrameId: strings.Repeat("a", wire.MaxPayload-wire.MaxBlock)},
		"body beyond a block": {Body: make([]byte, wire.MaxPayload)},
	} {
		var permanent *PermanentError
		if err := w.Append(soon(t), numbered(2), bad); !errors.As(err, &permanent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	release()
	if err := <-good; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"-1", "1"}, frameIDs(blocks(t, w.js))); diff != "" {
		t.Error(diff)
	}
}

func TestCloseStoresWhatWaits(t *testing.T) {
	t.Parallel()
	w := startWriting(t)
	release := w.occupy()
	waiting := w.start(t.Context(), numbered(1))
	closed := make(chan error, 1)
	go func() { closed <- w.Close(t.Context()) }()
	eventually(t, "Close has begun", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.closed
	})
	if err := w.Append(soon(t), numbered(2)); !errors.Is(err, ErrClosed) {
		t.Errorf("Append after Close: %v", err)
	}
	release()
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"-1", "1"}, frameIDs(blocks(t, w.js))); diff != "" {
		t.Error(diff)
	}
}

func TestCloseGivesUpWhenItsTimeIsUp(t *testing.T) {
	t.Parallel()
	w := startWriting(t)
	w.proxy.holdAnswers(true)
	inFlight := w.start(t.Context(), numbered(1))
	eventually(t, "the block is stored", func() bool { return streamState(t, w.js, rawStream).Msgs == 1 })
	waiting := w.start(t.Context(), numbered(2))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, err := range map[string]error{"close": w.Close(ctx), "in flight": <-inFlight, "waiting": <-waiting} {
		if _, ok := errors.AsType[*RetryError](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
		// It is stored, and nobody was told.
		unsettled, ok := errors.AsType[*UnsettledError](err)
		if ok != (what != "close") {
			t.Errorf("%s: unsettled: %v", what, ok)
		}
		if ok && <-unsettled.Done() == nil {
			t.Errorf("%s: stored, as if somebody knew", what)
		}
	}
	w.proxy.cut()
	w.BlockWriter = NewBlockWriter(w.path.main, "s0", nil) // for the cleanup
}

// Who waits in vain learns what of.
func TestAppendTellsThatTheStreamIsFull(t *testing.T) {
	t.Parallel()
	w := startWriting(t)
	full := rawConfig()
	full.MaxBytes = 1
	if _, err := w.js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	inFlight := false
	for _, unsettled := range []bool{true, false} { // the first is in a block, the second waits
		ctx, cancel := context.WithCancel(t.Context())
		outcome := make(chan error, 1)
		go func() { outcome <- w.Append(ctx, numbered(1)) }()
		eventually(t, "a try fails", func() bool { return w.trouble.Load() != nil && (!inFlight || w.queued() == 1) })
		inFlight = true
		cancel()
		err := <-outcome
		_, ok := errors.AsType[*UnsettledError](err)
		if ok != unsettled || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "t.raw.s0: ") ||
			!strings.Contains(err.Error(), "maximum bytes exceeded") {
			t.Errorf("unsettled %v: %v", unsettled, err)
		}
	}
	if _, err := w.js.UpdateStream(t.Context(), rawConfig()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the block is stored", func() bool { return streamState(t, w.js, rawStream).Msgs == 1 && w.trouble.Load() == nil })
}

// A block that is refused for good after it was tried is no reason to think that
// the next one would be.
func TestTroubleEndsWithItsBlock(t *testing.T) {
	t.Parallel()
	w := startWriting(t)
	change := func(maxBytes int64, maxMsgSize int32) {
		t.Helper()
		c := rawConfig()
		c.MaxBytes, c.MaxMsgSize = maxBytes, maxMsgSize
		if _, err := w.js.UpdateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	change(1, -1)
	outcome := make(chan error, 1)
	go func() { outcome <- w.Append(soon(t), numbered(1)) }()
	eventually(t, "the writer is in trouble", func() bool { return w.Trouble() != nil })
	change(1<<30, 1)
	err := <-outcome
	if _, ok := errors.AsType[*PermanentError](err); !ok {
		t.Errorf("%v", err)
	}
	eventually(t, "the trouble is over", func() bool { return w.Trouble() == nil })
}

func TestWaitingBytesAreBounded(t *testing.T) {
	t.Parallel()
	w := startWriting(t)
	release := w.occupy()
	var waiting []<-chan error
	const size = wire.MaxBlock
	for range maxWaiting / size {
		waiting = append(waiting, w.start(t.Context(), sized(size-64, false)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var retry *RetryError
	if err := w.Append(ctx, sized(size, false)); !errors.As(err, &retry) || !strings.Contains(err.Error(), "32 MiB wait already") {
		t.Errorf("Append beyond the bound: %v", err)
	}
	beyond := make(chan error, 1)
	go func() { beyond <- w.Append(t.Context(), sized(size, false)) }()
	release()
	for _, o := range append(waiting, beyond) {
		if err := <-o; err != nil {
			t.Error(err)
		}
	}
}
