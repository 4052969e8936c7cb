package bus

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/drainline/drainline/proto/wire"
)

func TestOpenLeavesNewerSchemasToNewerInstances(t *testing.T) {
	t.Parallel()
	c := startConsuming(t, AckWait)
	sealed := wire.Seal(nil, []byte("message"))
	for _, payload := range [][]byte{newerSchema([]byte("0")), newerSchema([]byte("1")), []byte("x"), sealed} {
		if _, err := c.js.Publish(t.Context(), testNames.RawSubject("s0"), payload); err != nil {
			t.Fatal(err)
		}
	}
	k := c.consume(c.url())
	for range 4 { // not in order: fetches overlap
		d := next(t, k)
		message, err := d.Open(nil)
		switch {
		case d.Payload[0] > wire.SchemaVersion && len(d.Payload) > 1:
			if !errors.Is(err, ErrNewer) {
				t.Errorf("newer: %v", err)
			}
		case len(d.Payload) == 1:
			if err == nil || errors.Is(err, ErrNewer) {
				t.Errorf("damaged: %v", err)
			}
		case err != nil || string(message) != "message":
			t.Errorf("%q, %v", message, err)
		}
		d.Ack() // harmless after a release
	}
	k.mu.Lock()
	held := len(k.held)
	k.mu.Unlock()
	if got := strings.Count(c.log.String(), "waits for an instance that can read it"); got != 1 || held != 0 {
		t.Errorf("told %d times, %d held", got, held)
	}
}

// newerSchema seals as a later version would: the envelope stays as it is.
func newerSchema(message []byte) []byte {
	payload := wire.Seal(nil, message)
	payload[0] = wire.SchemaVersion + 1
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(payload[:1], table), table, payload[1+crc32.Size:])
	binary.BigEndian.PutUint32(payload[1:], sum)
	return payload
}
