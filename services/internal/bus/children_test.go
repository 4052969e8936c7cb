package bus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// targetEnv is the directory or URL a child works on.
const targetEnv = "BUS_TEST_TARGET"

// child starts the test binary as one of the processes below and reads what it
// says, line by line.
func child(t *testing.T, role, target string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+role, targetEnv+"="+target)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// wasKilled waits for the end of a child, which must be kill -9.
func wasKilled(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v", err)
	}
}

func TestKillLosesNothingThatAppendHasConfirmed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var confirmed []string
	for range 2 { // the second run begins on what the first left behind
		cmd, lines := child(t, "append", dir)
		for enough := len(confirmed) + 400; lines.Scan(); {
			confirmed = append(confirmed, lines.Text())
			if len(confirmed) == enough {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		wasKilled(t, cmd)
	}
	s := startServer(t, func(o *server.Options) { o.StoreDir = dir })
	found := map[string]bool{}
	all := blocks(t, s.admin())
	for _, id := range frameIDs(all) {
		found[id] = true
	}
	for _, id := range confirmed {
		if !found[id] {
			t.Errorf("request %s was confirmed and is lost", id)
		}
	}
	t.Logf("%d confirmed, %d stored in %d blocks", len(confirmed), len(found), len(all))
}

// appendForever is a process with a server inside that appends from several
// goroutines and says which requests were confirmed.
func appendForever() {
	ctx := context.Background()
	opts := serverOptions(os.Getenv(targetEnv))
	opts.DontListen, opts.SyncAlways = true, true
	ns, err := server.NewServer(&opts)
	exitOn(err)
	ns.Start()
	o := testOptions("")
	o.InProcess = ns
	c, err := Connect(ctx, o)
	exitOn(err)
	_, err = c.js.CreateOrUpdateStream(ctx, rawConfig())
	exitOn(err)
	w := NewBlockWriter(c, "s0", nil)
	var (
		running sync.WaitGroup
		out     sync.Mutex
	)
	for g := range 16 {
		running.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d.%d.%d", os.Getpid(), g, i)
				exitOn(w.Append(ctx, &drainlinev1.Request{FrameId: id, Body: []byte("body")}))
				out.Lock()
				fmt.Println(id)
				out.Unlock()
			}
		})
	}
	running.Wait()
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

const (
	poison   = "poison"
	poisoned = 500 * time.Millisecond // AckWait of the test with the poisonous message
)

// A message whose every taker dies of it is dead in the end, and it alone: what
// was held beside it each time is processed.
func TestAMessageThatKillsItsConsumersIsDead(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, poisoned)
	m := &nats.Msg{
		Subject: testNames.RawSubject("s0"), Data: append([]byte(poison), make([]byte, 100)...),
		Header: nats.Header{
			wire.HeaderMsgID: {wire.PayloadID([]byte(poison)).String()}, wire.HeaderTraceparent: {"00-1"}, wire.HeaderTracestate: {"v=\xff"},
		},
	}
	const n = 30
	c.fill(0, n/2, 10)
	if _, err := c.js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	c.fill(n/2, n/2, 10)

	deaths, done := 0, map[string]bool{}
	for !c.empty() {
		cmd, lines := child(t, "consume", c.url())
		for lines.Scan() {
			switch word, what, _ := strings.Cut(lines.Text(), " "); word {
			case "takes":
				if what == poison {
					deaths++
				}
			case "done":
				done[what] = true
			case "empty":
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		wasKilled(t, cmd)
		if deaths > 3*suspectAfter {
			t.Fatalf("%d deaths and no end", deaths)
		}
	}
	if deaths != suspectAfter+1 {
		t.Errorf("%d deaths, the last of them alone", deaths)
	}
	for i := range n {
		if !done[strconv.Itoa(i)] {
			t.Errorf("message %d was not processed", i)
		}
	}
	letters := deadLetters(t, c.js)
	if len(letters) != 1 {
		t.Fatalf("%d dead letters", len(letters))
	}
	got := letters[0]
	id := wire.DeadID(wire.PayloadID([]byte(poison)), "test", ReasonCrashes)
	want := &drainlinev1.DeadBlock{
		Id: id[:], Stage: "test", Reason: ReasonCrashes, Content: drainlinev1.Content_CONTENT_PAYLOAD, Original: m.Data,
		Sentence: fmt.Sprintf("delivered %d times, the last time alone, and never answered", got.GetAttempts()-1),
		Subject:  m.Subject, Trace: &drainlinev1.Trace{Traceparent: "00-1", Tracestate: "v="},
		Attempts: got.GetAttempts(), ReceivedNs: got.GetReceivedNs(), DiedNs: got.GetDiedNs(),
	}
	if !proto.Equal(want, got) {
		t.Errorf("dead letter: %v", got)
	}
	if got.GetAttempts() <= suspectAfter+1 || got.GetReceivedNs() == 0 || got.GetDiedNs() <= got.GetReceivedNs() {
		t.Errorf("attempts %d, received %d, died %d", got.GetAttempts(), got.GetReceivedNs(), got.GetDiedNs())
	}
}

// consumeUntilPoisoned is a process that says what it takes, dies of poison, and
// says when nothing is left.
func consumeUntilPoisoned() {
	ctx := context.Background()
	c, err := Connect(ctx, testOptions(os.Getenv(targetEnv)))
	exitOn(err)
	k := c.Consume(ConsumerOptions{Stream: rawStream, Durable: durable, Stage: "test"})
	go func() {
		for {
			s, err := c.js.Stream(ctx, rawStream)
			exitOn(err)
			if s.CachedInfo().State.Msgs == 0 {
				fmt.Println("empty")
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	for {
		d, err := k.Next(ctx)
		exitOn(err)
		if strings.HasPrefix(string(d.Payload), poison) {
			fmt.Println("takes", poison)
			exitOn(syscall.Kill(os.Getpid(), syscall.SIGKILL))
		}
		d.Ack()
		number, _, _ := strings.Cut(string(d.Payload), " ")
		fmt.Println("done", number)
	}
}

func deadLetters(t *testing.T, js jetstream.JetStream) []*drainlinev1.DeadBlock {
	t.Helper()
	var letters []*drainlinev1.DeadBlock
	for _, m := range stored(t, js, testNames.DeadStream()) {
		message, err := wire.Open(nil, m.Data)
		if err != nil {
			t.Fatal(err)
		}
		d := &drainlinev1.DeadBlock{}
		if err := proto.Unmarshal(message, d); err != nil {
			t.Fatal(err)
		}
		if want := testNames.DeadSubject(d.GetStage(), d.GetReason()); m.Subject != want {
			t.Errorf("subject %s instead of %s", m.Subject, want)
		}
		letters = append(letters, d)
	}
	return letters
}
