package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime"
	"testing"

	"github.com/klauspost/compress/s2"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/proto/wire"
)

// sealed is the envelope by hand: the contract that Seal is held to.
func sealed(version byte, body []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	payload := binary.BigEndian.AppendUint32([]byte{version}, crc32.Checksum(append([]byte{version}, body...), table))
	return append(payload, body...)
}

func TestSealIsTheEnvelope(t *testing.T) {
	t.Parallel()
	message := bytes.Repeat([]byte("drainline "), 100)
	payload := wire.Seal(nil, message)
	if want := sealed(wire.SchemaVersion, payload[5:]); !bytes.Equal(payload, want) {
		t.Errorf("header % x instead of % x", payload[:5], want[:5])
	}
	if got, err := s2.Decode(nil, payload[5:]); err != nil || !bytes.Equal(got, message) {
		t.Errorf("body: %v", err)
	}
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.IntRange(0, 1<<18), func(n int) []byte { return bytes.Repeat([]byte("x"), n) }),
		).Draw(t, "message")
		prefix := rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "prefix")
		room := rapid.IntRange(0, 1<<18).Draw(t, "room")
		dst := append(make([]byte, 0, len(prefix)+room), prefix...)
		payload := wire.Seal(dst, message)
		if !bytes.HasPrefix(payload, prefix) {
			t.Fatal("Seal wrote over what it appends to")
		}
		buf := make([]byte, rapid.IntRange(0, 1<<18).Draw(t, "buffer"))
		got, err := wire.Open(buf, payload[len(prefix):])
		if err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%d bytes of %d: %v", len(got), len(message), err)
		}
		if len(message) > 0 && len(message) <= len(buf) && &got[0] != &buf[0] {
			t.Fatal("the buffer was large enough and is not used")
		}
	})
}

// Every flip of one or two bits is damage, also of the version: a message must
// not wait for ever for an instance that is newer than all there are.
func TestOpenFindsFlippedBits(t *testing.T) {
	t.Parallel()
	payload := wire.Seal(nil, []byte("at=info method=GET path=/ status=200"))
	flipped := make([]byte, len(payload))
	var damaged *wire.DamagedError
	for i := range len(payload) * 8 {
		for j := i; j < min(i+64, len(payload)*8); j++ {
			copy(flipped, payload)
			flipped[i/8] ^= 1 << (i % 8)
			if j != i {
				flipped[j/8] ^= 1 << (j % 8)
			}
			if _, err := wire.Open(nil, flipped); !errors.As(err, &damaged) {
				t.Fatalf("bits %d and %d: %v", i, j, err)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	body := wire.Seal(nil, []byte("message"))[5:]
	bomb := append(binary.AppendUvarint(nil, wire.MaxDecoded+1), 0)
	for _, c := range []struct {
		name    string
		payload []byte
		want    string
	}{
		{"nothing", nil, "damaged payload: 0 bytes are shorter than an envelope"},
		{"less than an envelope", []byte{1, 0, 0, 0}, "damaged payload: 4 bytes are shorter than an envelope"},
		{"no body", sealed(1, nil), "damaged payload: s2: corrupt input"},
		{"version 0", sealed(0, body), "damaged payload: schema version 0"},
		{"a checksum of zeros", append([]byte{1, 0, 0, 0, 0}, body...), "damaged payload: checksum does not match"},
		{"a short body", sealed(1, body[:len(body)-1]), "damaged payload: s2: corrupt input"},
		{"a long body", sealed(1, append(bytes.Clone(body), 0)), "damaged payload: s2: corrupt input"},
		{"too much when inflated", sealed(1, bomb), "damaged payload: 67108865 bytes when inflated, over 67108864"},
		{"a newer schema", sealed(2, []byte("whatever it is")), "payload has schema version 2, this reader knows 1: upgrade it"},
		{"the newest schema", sealed(255, nil), "payload has schema version 255, this reader knows 1: upgrade it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := wire.Open(nil, c.payload)
			if err == nil || err.Error() != c.want {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			var (
				damaged *wire.DamagedError
				newer   *wire.NewerSchemaError
			)
			if isNewer := c.payload != nil && c.payload[0] > wire.SchemaVersion; errors.As(err, &newer) != isNewer || errors.As(err, &damaged) == isNewer {
				t.Errorf("%T", err)
			}
		})
	}
}

// A few bytes that claim to be gigabytes cost nothing.
func TestOpenRefusesABombUnopened(t *testing.T) { //nolint:paralleltest // measures what is allocated
	bomb := sealed(1, append(binary.AppendUvarint(nil, 1<<32-1), make([]byte, 100)...))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := wire.Open(nil, bomb); err == nil {
			t.Fatal("opened")
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d bytes allocated", grown)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte{})
	f.Add(wire.Seal(nil, nil))
	f.Add(wire.Seal(nil, []byte("message")))
	f.Add(wire.Seal(nil, bytes.Repeat([]byte("drainline "), 100)))
	f.Add(sealed(1, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 1}))
	f.Add(sealed(2, []byte("newer")))
	f.Fuzz(func(t *testing.T, payload []byte) {
		// As it is, and with an envelope that fits, so that the body is reached.
		for _, p := range [][]byte{payload, sealed(1, payload)} {
			message, err := wire.Open(nil, p)
			var (
				damaged *wire.DamagedError
				newer   *wire.NewerSchemaError
			)
			if err != nil {
				if !errors.As(err, &damaged) && !errors.As(err, &newer) {
					t.Fatalf("%T: %v", err, err)
				}
				continue
			}
			if len(message) > wire.MaxDecoded {
				t.Fatalf("%d bytes", len(message))
			}
			again, err := wire.Open(nil, wire.Seal(nil, message))
			if err != nil || !bytes.Equal(message, again) {
				t.Fatalf("sealed again: %v", err)
			}
		}
	})
}
