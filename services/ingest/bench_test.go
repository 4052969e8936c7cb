package ingest_test

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drainline/drainline/services/ingest"
)

// BenchmarkRequests posts over real connections, 64 drains with one request in
// flight each as Logplex does, and reads raw answers so that most of the time is
// ingest's and the bus's.
func BenchmarkRequests(b *testing.B) {
	for _, frames := range []int{1, 20, 200} {
		b.Run(strconv.Itoa(frames), func(b *testing.B) {
			c := settings()
			c.Ingest.Hold = 4 * time.Second
			conn := connect(b, nats(b, b.TempDir(), -1), c)
			i := run(b, open(b, ingest.Options{Config: c, Bus: conn}))
			body := strings.Repeat(string(line(strings.Repeat("x", 140)+"\n")), frames)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			b.ResetTimer()
			var left atomic.Int64
			left.Store(int64(b.N))
			var drains sync.WaitGroup
			for n := range 64 {
				drains.Go(func() {
					if err := drain(i.addr, n, body, &left); err != nil {
						b.Error(err)
					}
				})
			}
			drains.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

func drain(addr string, n int, body string, left *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for left.Add(-1) >= 0 {
		_, err := fmt.Fprintf(c, "POST /logs HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/logplex-1\r\n"+
			"Logplex-Msg-Count: 1\r\nLogplex-Frame-Id: %d-%d\r\nLogplex-Drain-Token: d.%d\r\nUser-Agent: Logplex/v73\r\nContent-Length: %d\r\n\r\n%s",
			basic(":"+secret), n, left.Load(), n, len(body), body)
		if err != nil {
			return err
		}
		status, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(status, "HTTP/1.1 204 ") {
			return fmt.Errorf("answered %s", status)
		}
		for header := ""; header != "\r\n"; {
			if header, err = in.ReadString('\n'); err != nil {
				return err
			}
		}
	}
	return nil
}
