package inspector_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/services/inspector"
)

// eventually polls until what holds.
func (f *fixture) eventually(what string, holds func() bool) {
	f.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			f.Fatalf("never: %s", what)
		case <-poll.C:
		}
	}
}

func TestNewSaysWhatToDo(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	for _, c := range []struct{ listen, want string }{
		{address, "inspector: " + address + " is taken: set inspector.listen"},
		{"nowhere", "inspector: nowhere cannot be listened on: set inspector.listen: "},
	} {
		_, err := inspector.New(inspector.Options{Listen: c.listen, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.listen, err, c.want)
		}
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ listen, prefix string }{
		{"127.0.0.1:0", "http://127.0.0.1:"},
		{"0.0.0.0:0", "http://127.0.0.1:"},
		{":0", "http://127.0.0.1:"},
		{"localhost:0", "http://"},
	} {
		f := start(t, inspector.Options{Listen: c.listen})
		if !strings.HasPrefix(f.url, c.prefix) {
			t.Errorf("%s is reached at %s", c.listen, f.url)
		}
		if r := f.get("/healthz"); r.body != "ok\n" {
			t.Errorf("%s: %d %s", f.url, r.status, r.body)
		}
	}
}
