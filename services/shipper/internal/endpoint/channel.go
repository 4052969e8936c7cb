package endpoint

import (
	"crypto/rand"
	"fmt"
)

// NewChannel is a random GUID (RFC 9562, version 4) in capitals, as Splunk wants it for a
// channel.
func NewChannel() string {
	const version, variant = 0x40, 0x80
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6] = b[6]&0x0f | version
	b[8] = b[8]&0x3f | variant
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
