package natsd_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/services/internal/natsd"
)

// publisherEnv makes the test binary a publisher on the directory it names.
const publisherEnv = "NATSD_TEST_PUBLISHER"

func TestKillLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	o := quick(t.TempDir())
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), publisherEnv+"="+o.Dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acked []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		acked = append(acked, lines.Text())
		switch len(acked) {
		case 1:
			refused(t, o, fmt.Sprintf("in use by another drainline (pid %d)", child.Process.Pid))
		case 500:
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(acked) < 500 {
		t.Fatalf("the publisher ended by itself after %d messages: %v", len(acked), err)
	}

	_, js := connect(t, start(t, o))
	kept := stored(t, js)
	for _, p := range acked {
		if !kept[p] {
			t.Errorf("%s was acknowledged and is lost", p)
		}
	}
	t.Logf("%d acknowledged, %d stored", len(acked), len(kept))
}

// publishForever prints what was acknowledged, a line each, until it is killed.
func publishForever(dir string) {
	ctx := context.Background()
	s, err := natsd.Start(ctx, natsd.Options{Dir: dir, SyncAlways: true, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), MinFree: 1})
	exitOn(err)
	nc, err := nats.Connect("", nats.InProcessServer(s))
	exitOn(err)
	js, err := jetstream.New(nc)
	exitOn(err)
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: streamName, Subjects: []string{streamName}, MaxBytes: 64 << 20})
	exitOn(err)
	const window = 16
	var pending [window]jetstream.PubAckFuture
	for i := 0; ; i++ {
		if f := pending[i%window]; f != nil {
			select {
			case <-f.Ok():
				fmt.Println(payload(i - window))
			case err := <-f.Err():
				exitOn(err)
			}
		}
		pending[i%window], err = js.PublishAsync(streamName, []byte(payload(i)))
		exitOn(err)
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
