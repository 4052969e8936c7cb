package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/internal/logplex"
)

// taken is what a reader makes of a capture.
type taken struct {
	Bodies      []string // with the seconds at which they come in
	Undecodable int64
}

func take(t require, in io.Reader) taken {
	var got taken
	r := NewReader(in)
	for {
		bodies, err := r.Next()
		if errors.Is(err, io.EOF) {
			got.Undecodable = r.Undecodable()
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range bodies {
			got.Bodies = append(got.Bodies, fmt.Sprintf("%d %s", b.Received.Unix(), b.Bytes))
		}
	}
}

// require is what testing and rapid share.
type require interface {
	Fatal(args ...any)
}

func frame(second int64, text string) string {
	return string(logplex.AppendFrame(nil, 190, time.Unix(second, 5000), "host", "app", "web.1", text))
}

const unset = 1_767_225_600 // the second of what has no time

func TestReader(t *testing.T) {
	t.Parallel()
	a, b, c := frame(1, "a\n"), frame(1, "b"), frame(2, "c")
	noTime := "27 <190>1 - host app web.1 - x"
	noHeader := "3 abc"
	for _, test := range []struct {
		name, in string
		want     taken
	}{
		{"nothing", "", taken{}},
		{"frames of one second", a + b, taken{Bodies: []string{"1 " + a + b}}},
		{"of two", a + b + c + a, taken{Bodies: []string{"1 " + a + b, "2 " + c, "1 " + a}}},
		{"line feeds between", a + "\n" + b + "\r\n", taken{Bodies: []string{"1 " + a + "\n" + b + "\r\n"}}},
		{"no time", noTime + a + noTime, taken{Bodies: []string{fmt.Sprint(unset, " ", noTime), "1 " + a + noTime}}},
		{"no header", a + noHeader + b, taken{Bodies: []string{"1 " + a + noHeader + b}}},
		{"no frames", "hello, world", taken{Undecodable: 12}},
		{"junk before", "xx" + a, taken{[]string{"1 " + a}, 2}},
		{"junk between", a + "xx 7 <190 99 <1" + b, taken{[]string{"1 " + b}, int64(len(a)) + 15}},
		{"junk behind", a + b + "9x", taken{[]string{"1 " + a + b}, 2}},
		{"a body cut short", a + b[:15] + c, taken{[]string{"1 " + a, "2 " + c}, 15}},
		{"a length too small", "3" + b + c, taken{[]string{"1 " + b, "2 " + c}, 1}},
		{"envelopes", "{\"event\":1,\"time\":3.5}\n{\"event\":2}{\"event\":3}\n\n{\"event\":4,\"time\":4}", taken{Bodies: []string{
			"3 {\"event\":1,\"time\":3.5}\n{\"event\":2}{\"event\":3}\n\n", "4 {\"event\":4,\"time\":4}",
		}}},
		{"bad envelopes", "{\"event\":1}\nhello\n{\"event\":\"\"}\n[{\"event\":2}]\n{\"event\":3}\n", taken{
			[]string{fmt.Sprint(unset, " {\"event\":1}\n{\"event\":3}\n")}, int64(len("hello\n{\"event\":\"\"}\n[{\"event\":2}]\n")),
		}},
	} {
		for _, in := range []io.Reader{strings.NewReader(test.in), iotest.OneByteReader(strings.NewReader(test.in))} {
			if diff := cmp.Diff(test.want, take(t, in)); diff != "" {
				t.Errorf("%s (- wanted, + got):\n%s", test.name, diff)
			}
		}
	}
}

// A capture of many blocks is read whole, however long it is.
func TestReaderOfManyBlocks(t *testing.T) {
	t.Parallel()
	long := frame(1, strings.Repeat("x", logplex.MaxFrame-100))
	short := frame(1, "short")
	envelope := `{"event":"` + strings.Repeat("x", 100_000) + `"}` + "\n"
	for name, in := range map[string]string{
		"long frames":  strings.Repeat(long, 20),
		"short frames": strings.Repeat(short, 3*blockSize/len(short)),
		"mixed":        strings.Repeat(short+long+short, 10),
		"envelopes":    strings.Repeat(envelope, 30),
	} {
		got := take(t, iotest.HalfReader(strings.NewReader(in)))
		total := ""
		for _, body := range got.Bodies {
			_, body, _ = strings.Cut(body, " ")
			if len(body) > 2*blockSize {
				t.Errorf("%s: a body of %d bytes", name, len(body))
			}
			total += body
		}
		if total != in || got.Undecodable != 0 {
			t.Errorf("%s: %d of %d bytes are there, %d undecodable", name, len(total), len(in), got.Undecodable)
		}
	}
}

// What lies between good frames is passed over, however much it is.
func TestReaderPassesOver(t *testing.T) {
	t.Parallel()
	short := frame(1, "short")
	for name, junk := range map[string]string{
		"one letter":    strings.Repeat("x", 3*blockSize),
		"starts":        strings.Repeat("9 <1>1 ", blockSize/3),
		"long starts":   strings.Repeat("200010 <190>1 x", blockSize/7),
		"a line of HEC": `{"event":"` + strings.Repeat("x", 3*blockSize),
	} {
		in := short + "\n" + junk + short
		if name == "a line of HEC" {
			short = "{\"event\":1}\n"
			in = short + junk + "\n" + short
			junk += "\n"
		}
		got := take(t, strings.NewReader(in))
		kept := strings.Join(got.Bodies, "")
		if n := strings.Count(kept, strings.TrimSpace(short)); n < 1 || got.Undecodable < int64(len(junk)) {
			t.Errorf("%s: %d of 2 are there, %d of %d bytes undecodable", name, n, got.Undecodable, len(junk))
		}
	}
}

func TestReaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	if _, err := NewReader(iotest.ErrReader(broken)).Next(); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// Every byte is in a body or undecodable, however the bytes arrive, and frames that are
// good are all there.
func TestReaderLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.OneOf(
			rapid.StringN(0, 40, 40),
			rapid.Map(rapid.StringN(0, 20, 20), func(text string) string { return frame(int64(len(text)), text) }),
			rapid.SampledFrom([]string{"12 <190>1 ", "{\"event\":1}\n", "\n", "7 "}),
		)
		in := strings.Join(rapid.SliceOfN(piece, 0, 20).Draw(t, "pieces"), "")
		got := take(t, strings.NewReader(in))
		if slow := take(t, iotest.OneByteReader(strings.NewReader(in))); !cmp.Equal(got, slow) {
			t.Fatalf("by the byte %v, at once %v", slow, got)
		}
		size := got.Undecodable
		for _, body := range got.Bodies {
			_, body, _ = strings.Cut(body, " ")
			size += int64(len(body))
			if _, framed, err := logplex.Check([]byte(body)); !strings.HasPrefix(strings.TrimSpace(in), "{") && (err != nil || framed != len(body)) {
				t.Fatalf("%q is no body: %v", body, err)
			}
		}
		if size != int64(len(in)) {
			t.Fatalf("%d of %d bytes of %q", size, len(in), in)
		}
		if frames, framed, err := logplex.Check([]byte(in)); err == nil && frames > 0 && framed == len(in) && got.Undecodable > 0 {
			t.Fatalf("%d bytes of good frames are undecodable", got.Undecodable)
		}
	})
}

// The reader keeps no more than two blocks, and never loops without end.
func FuzzReader(f *testing.F) {
	f.Add([]byte(frame(1, "a")+frame(2, "b")), uint8(1))
	f.Add([]byte("{\"event\":1}\n{"), uint8(3))
	f.Add([]byte("9 <190>1 x"), uint8(2))
	f.Fuzz(func(t *testing.T, content []byte, times uint8) {
		content = bytes.Repeat(content, int(times))
		r, size := NewReader(bytes.NewReader(content)), int64(0)
		for {
			bodies, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || len(bodies) == 0 {
				t.Fatal("nothing", err)
			}
			for _, b := range bodies {
				if b.Encoding == drainlinev1.Encoding_ENCODING_UNSPECIFIED {
					t.Fatal("no encoding")
				}
				size += int64(len(b.Bytes))
			}
		}
		if size+r.Undecodable() != int64(len(content)) || cap(r.buffer) > 2*blockSize {
			t.Fatalf("%d and %d of %d bytes, a buffer of %d", size, r.Undecodable(), len(content), cap(r.buffer))
		}
	})
}
