package e2e

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
	lowestPort = 10_000
	portRange  = 20_000
)

var nextPort = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(portRange))
	return &n
}()

// freeAddress is a loopback address that nobody else gets.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range portRange {
		address := fmt.Sprintf("127.0.0.1:%d", lowestPort+nextPort.Add(1)%portRange)
		listener, err := net.Listen("tcp", address)
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
