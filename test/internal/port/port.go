// Package port finds addresses for programs that have to be told theirs.
package port

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
)

// Ports are taken from below those that the kernel gives to clients, so that one
// is still free when a process that was killed wants it back.
const (
	lowest = 10_000
	most   = 20_000
)

var next = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(most)) //nolint:gosec // ports are no secret
	return &n
}()

// Free is a loopback address that nobody else in this process gets.
func Free(t *testing.T) string {
	t.Helper()
	var listens net.ListenConfig
	for range most {
		address := fmt.Sprintf("127.0.0.1:%d", lowest+next.Add(1)%most)
		listener, err := listens.Listen(t.Context(), "tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("no port is free")
	return ""
}
