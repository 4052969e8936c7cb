package ingest_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/drainline/drainline/services/ingest"
)

// Bodies share 32 MiB: who finds no room is held, and taken when there is some.
func TestBodiesShareTheirMemory(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Ingest.Logplex.MaxBody = 64 << 20
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	hog, err := net.Dial("tcp", i.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer hog.Close()
	fmt.Fprintf(hog, "POST /logs HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n", basic(":"+secret), 64<<20)
	eventually(t, "the first has come", func() bool { return i.Counts().Requests.Load() == 1 })
	post := func() int {
		status, _, _, err := i.do(http.MethodPost, "/logs", headers(), bytes.NewReader(vector(t, "N1")))
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	eventually(t, "there is no room for a second", func() bool { return post() == 503 })
	if err := hog.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is room again", func() bool { return post() == 204 })
}
