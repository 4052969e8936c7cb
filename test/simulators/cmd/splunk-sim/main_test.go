package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

// start runs the program until the returned function ends it and checks that it ended well.
func start(t *testing.T, args ...string) (url string, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, args, in)
		ended <- errors.Join(err, in.Close())
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err, <-ended)
	}
	url, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening on ")
	if !found {
		t.Fatalf("first line is %q", line)
	}
	return url, func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func request(t *testing.T, method, url, body string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Splunk secret")
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, string(answer), err)
	}
	return answer
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"-fast=false", "-fast"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			ledger := filepath.Join(t.TempDir(), "ids")
			url, end := start(t, "-token", "secret", "-ledger", ledger, "-stats", mode)
			request(t, http.MethodPost, url+"/services/collector/event", `{"event":"x id=d-1"}{"event":"y id=d-2"}{"event":"x id=d-1"}`)
			waitFor(t, ledger, "d-1\nd-2\nd-1\n")

			var got splunk.Stats
			if err := json.Unmarshal(request(t, http.MethodGet, url+"/_sim/stats", ""), &got); err != nil {
				t.Fatal(err)
			}
			if got.Requests != 1 || got.Events != 3 || got.DistinctIDs != 2 || got.Duplicates != 1 || got.Violations != 0 {
				t.Errorf("got %+v", got)
			}
			request(t, http.MethodPost, url+"/services/collector/event", `{"event":"z id=d-3"}`)
			end()
			waitFor(t, ledger, "d-1\nd-2\nd-1\nd-3\n")

			url, end = start(t, "-token", "secret", "-ledger", ledger, mode)
			request(t, http.MethodPost, url+"/services/collector/event", `{"event":"appended id=d-4"}`)
			end()
			waitFor(t, ledger, "d-1\nd-2\nd-1\nd-3\nd-4\n")
		})
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	url, end := start(t, "-token", "secret", "-stats", "-cluster", "2", "-ack", "-ack-delay", "1ms", "-delay", "1ms",
		"-capacity", "1", "-backpressure")
	defer end()
	const channel, warning = "?channel=fe0ecfad-13d5-401b-847d-77833bd77131", "HEC queue is approaching its capacity limit"
	// The load balancer alternates, so that each request is the first of its channel on an indexer.
	for range 2 {
		got := string(request(t, http.MethodPost, url+"/services/collector/event"+channel, `{"event":"x"}`))
		if want := `{"text":"` + warning + `","code":24,"ackId":0}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	acks := func() string {
		return string(request(t, http.MethodPost, url+"/services/collector/ack"+channel, `{"acks":[0]}`))
	}
	for deadline := time.Now().Add(5 * time.Second); acks() != `{"acks":{"0":true}}`; {
		if time.Now().After(deadline) {
			t.Fatal("not acknowledged")
		}
	}
	var got splunk.Stats
	if err := json.Unmarshal(request(t, http.MethodGet, url+"/_sim/stats", ""), &got); err != nil {
		t.Fatal(err)
	}
	if got.Events != 2 || got.Acked != 1 || got.AckChannels != 2 {
		t.Errorf("got %+v", got)
	}
}

func waitFor(t *testing.T, path, want string) {
	t.Helper()
	var got []byte
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var err error
		if got, err = os.ReadFile(path); err == nil && string(got) == want {
			return
		}
	}
	t.Fatalf("the ledger holds %q, want %q", got, want)
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"address", []string{"-listen", "256.0.0.1:0"}, "listen: "},
		{"ledger", []string{"-ledger", filepath.Join(t.TempDir(), "no", "ids")}, "open ledger: "},
		{"argument", []string{"extra"}, "usage"},
		{"stickiness", []string{"-sticky", "glue"}, "usage"},
		{"cluster of none", []string{"-cluster", "0"}, "usage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := run(t.Context(), c.args, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
