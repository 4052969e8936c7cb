package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/drainline/drainline/test/internal/port"
)

// What is wrong at start is said in one sentence, and in the exit code: 1 for
// what went wrong, 2 for what is configured wrongly.
func TestStartFails(t *testing.T) {
	t.Parallel()
	const failed, usage = 1, 2
	nowhere := to("http://127.0.0.1:9")
	taken := func(t *testing.T) string {
		t.Helper()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		return listener.Addr().String()
	}
	for _, c := range []struct {
		name string
		// start makes the command, and says with it what the sentence must contain.
		start func(t *testing.T) (c command, says []string)
		code  int
	}{
		{"data directory in use", func(t *testing.T) (command, []string) {
			t.Helper()
			first := service(t, "drainline run", nowhere...)
			dir := filepath.Join(first.dir, "drainline-data")
			pid := first.start(t).ready().cmd.Process.Pid
			return service(t, "drainline run", append(nowhere, "bus.embedded.dir="+dir)...),
				[]string{dir, "in use by another drainline", "pid " + strconv.Itoa(pid), "bus.embedded.dir"}
		}, failed},
		{"data directory below a file", func(t *testing.T) (command, []string) {
			t.Helper()
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return service(t, "drainline run", append(nowhere, "bus.embedded.dir="+filepath.Join(file, "data"))...),
				[]string{filepath.Join(file, "data"), "bus.embedded.dir"}
		}, failed},
		{"port of the door", func(t *testing.T) (command, []string) {
			t.Helper()
			address := taken(t)
			return service(t, "drainline run", append(nowhere, "ingest.logplex.listen="+address)...),
				[]string{"ingest.logplex.listen", address}
		}, failed},
		{"port of admin", func(t *testing.T) (command, []string) {
			t.Helper()
			address := taken(t)
			return service(t, "drainline run", append(nowhere, "admin.listen="+address)...), []string{"admin.listen", address}
		}, failed},
		{"port of the embedded server", func(t *testing.T) (command, []string) {
			t.Helper()
			address := taken(t)
			return service(t, "drainline run", append(nowhere, "bus.embedded.listen="+address)...),
				[]string{"bus.embedded.listen", address}
		}, failed},
		{"port of the inspector", func(t *testing.T) (command, []string) {
			t.Helper()
			address := taken(t)
			return service(t, "drainline inspector", "inspector.listen="+address), []string{"inspector.listen", address}
		}, failed},
		{"port of the demo's page", func(t *testing.T) (command, []string) {
			t.Helper()
			address := taken(t)
			return service(t, "drainline demo", "inspector.listen="+address), []string{"inspector.listen", address}
		}, failed},
		{"NATS unreachable", func(t *testing.T) (command, []string) {
			t.Helper()
			url := "nats://" + port.Free(t)
			return service(t, "ingest", "bus.url="+url, "bus.connect_timeout=1s"), []string{"bus.url", url, "1s"}
		}, failed},
		{"NATS takes no blocks", func(t *testing.T) (command, []string) {
			t.Helper()
			_, url := startNATS(t, "max_payload: 64KB")
			return service(t, "transform", append(nowhere, "bus.url="+url)...), []string{"bus.url", "max_payload", "65536"}
		}, failed},
		{"no destination for run", func(t *testing.T) (command, []string) {
			t.Helper()
			return service(t, "drainline run"), []string{"destinations", "SPLUNK_HEC_URL"}
		}, usage},
		{"no destination for transform", func(t *testing.T) (command, []string) {
			t.Helper()
			return service(t, "transform", "bus.url=nats://127.0.0.1:9"), []string{"destinations", "SPLUNK_HEC_URL"}
		}, usage},
		{"no destination for the shipper", func(t *testing.T) (command, []string) {
			t.Helper()
			return service(t, "shipper", "bus.url=nats://127.0.0.1:9"), []string{"destinations", "SPLUNK_HEC_URL"}
		}, usage},
		{"no bus", func(t *testing.T) (command, []string) {
			t.Helper()
			return service(t, "ingest"), []string{"bus.url", "DRAINLINE_BUS__URL"}
		}, usage},
		{"unknown key", func(t *testing.T) (command, []string) {
			t.Helper()
			return service(t, "drainline run", append(nowhere, "ingest.logplex.listne=:1")...),
				[]string{"ingest.logplex.listne", "ingest.logplex.listen"}
		}, usage},
		{"no place for a secret", func(t *testing.T) (command, []string) {
			t.Helper()
			_, url := startNATS(t, "")
			c := service(t, "ingest", "bus.url="+url)
			c.env = nil
			return c, []string{"DRAINLINE_DRAIN_SECRET", "ingest.logplex.credentials"}
		}, usage},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			command, says := c.start(t)
			p := command.start(t)
			if code := p.exit(); code != c.code {
				t.Errorf("ended with %d, want %d", code, c.code)
			}
			sentence, ok := strings.CutPrefix(p.stderr.String(), "drainline: ")
			sentence = strings.TrimPrefix(sentence, "configuration:\n")
			if !ok || strings.Count(sentence, "\n") != 1 {
				t.Errorf("standard error is no sentence: %q", &p.stderr)
			}
			for _, part := range says {
				if !strings.Contains(sentence, part) {
					t.Errorf("%q does not say %q", sentence, part)
				}
			}
		})
	}
}
