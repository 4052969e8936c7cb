package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

const (
	// patience bounds every wait.
	patience = time.Minute

	splunkToken = "11111111-2222-3333-4444-555555555555"
	// The tokens of Drainline's HEC door, plain and with acknowledgement.
	token    = "22222222-3333-4444-5555-666666666666"
	ackToken = "33333333-4444-5555-6666-777777777777"
)

// door is a drainline with an open HEC door, and the Splunk behind it.
type door struct {
	url    string
	splunk *splunk.Splunk
	stop   func()
}

// open starts a drainline, which has to end well with the test.
func open(t *testing.T) *door {
	t.Helper()
	const kept = 10_000
	sim := splunk.New(splunk.Options{Tokens: map[string]splunk.Token{splunkToken: {}}, KeepEvents: kept})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)

	var said transcript
	cmd := exec.Command(program, "run",
		"--set", "admin.listen=127.0.0.1:0", "--set", "ingest.logplex.listen=127.0.0.1:0", "--set", "ingest.hec.listen=127.0.0.1:0",
		"--set", "ingest.hec.tokens.web.token="+token, "--set", "ingest.hec.tokens.web.fields=team=shop",
		"--set", "ingest.hec.tokens.acked.token="+ackToken, "--set", "ingest.hec.tokens.acked.ack=true",
		"--set", "destinations.splunk.urls="+server.URL, "--set", "destinations.splunk.token="+splunkToken)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DRAINLINE_DRAIN_SECRET=secret"}
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	d := &door{splunk: sim}
	d.stop = sync.OnceFunc(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("drainline ended: %v", err)
			}
		case <-time.After(patience):
			t.Error("drainline did not end")
			_ = cmd.Process.Kill()
		}
	})
	t.Cleanup(func() {
		d.stop()
		if t.Failed() {
			t.Logf("drainline said:\n%s", &said)
		}
	})
	address := regexp.MustCompile(`(?m)^HEC URL +(\S+)$`)
	eventually(t, "drainline says where its HEC door is", func() bool {
		found := address.FindStringSubmatch(said.String())
		if found != nil {
			d.url = strings.Replace(found[1], "localhost", "127.0.0.1", 1)
		}
		return found != nil
	})
	return d
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// transcript keeps what a process prints.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// event is one that arrived or should have, with JSON as encode has it and the time
// in microseconds.
type event struct {
	micros                          int64
	host, source, sourcetype, index string
	body, fields                    string
}

// expect waits until all events have arrived, ends drainline, which delivers what
// it still has, and compares: none may be missing, changed or there twice.
func (d *door) expect(t *testing.T, want []event) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d events arrive", len(want)), func() bool { return d.splunk.Count() >= int64(len(want)) })
	d.stop()
	for _, breach := range d.splunk.Violations() {
		t.Errorf("Splunk was sent what a careful client does not send: %s", breach)
	}
	var got []event
	for _, e := range d.splunk.Events() {
		got = append(got, event{
			e.Time.UnixMicro(), e.Host, e.Source, e.Sourcetype, e.Index, encode(t, decode(t, e.Event)), encode(t, e.Fields),
		})
	}
	inOrder := func(a, b event) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(got, inOrder)
	slices.SortFunc(want, inOrder)
	const shown = 5
	for i, wrong := 0, 0; i < max(len(got), len(want)) && wrong < shown; i++ {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("event %d of %d is\n%+v, want of %d\n%+v", i, len(got), at(got, i), len(want), at(want, i))
			wrong++
		}
	}
}

func at(events []event, i int) event {
	if i < len(events) {
		return events[i]
	}
	return event{}
}

// decode reads JSON and leaves numbers their digits.
func decode(t *testing.T, text []byte) any {
	t.Helper()
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	var value any
	if err := in.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// encode is a value as JSON, with the keys of maps in ascending order.
func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
