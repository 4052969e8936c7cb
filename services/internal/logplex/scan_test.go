package logplex_test

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

func frames(body []byte) (found [][]byte, offset int, err *logplex.FramingError) {
	s := logplex.Scan(body)
	for s.Next() {
		found = append(found, s.Frame())
	}

	return found, s.Offset(), s.Err()
}

func TestScan(t *testing.T) {
	t.Parallel()

	largest := strings.Repeat("x", logplex.MaxFrame)

	tests := []struct {
		name   string
		body   string
		frames []string
		offset int
		reason string
	}{
		{"empty", "", nil, 0, ""},
		{"one", "3 abc", []string{"abc"}, 5, ""},
		{"two, nothing between", "3 abc2 de", []string{"abc", "de"}, 9, ""},
		{"line feed counted", "4 abc\n2 de", []string{"abc\n", "de"}, 10, ""},
		{"line feed between", "3 abc\n2 de", []string{"abc", "de"}, 10, ""},
		{"line ends between and after", "3 abc\r\n\n\r\n2 de\n\n", []string{"abc", "de"}, 16, ""},
		{"lone carriage return after", "2 de\r", nil, 0, "no frame begins where the length says"},
		{"line feed before the first", "\n3 abc", nil, 0, "no length"},
		{"leading zeros", "003 abc", []string{"abc"}, 7, ""},
		{"ten digits", "0000000003 abc", []string{"abc"}, 14, ""},
		{"eleven digits", "00000000003 abc", nil, 0, "no length"},
		{"text that looks like a frame", "7 3 abc\n\n", []string{"3 abc\n\n"}, 9, ""},
		{"largest", "262144 " + largest, []string{largest}, len(largest) + 7, ""},
		{"over the largest", "262145 " + largest + "x", nil, 0, "length over the limit of 262144 bytes"},
		{"ten gigabytes", "9999999999 <", nil, 0, "length over the limit of 262144 bytes"},
		{"more than an integer", "99999999999999999999 <", nil, 0, "length over the limit of 262144 bytes"},
		{"zero", "0 3 abc", nil, 0, "length of zero"},
		{"zeros", "000 ", nil, 0, "length of zero"},
		{"minus", "-3 abc", nil, 0, "no length"},
		{"plus", "+3 abc", nil, 0, "no length"},
		{"space first", " 3 abc", nil, 0, "no length"},
		{"digits only", "12", nil, 0, "no length"},
		{"tab for a space", "3\tabc", nil, 0, "no length"},
		{"length only", "3 ", nil, 0, "frame ends after the body"},
		{"two good, one truncated", "3 abc2 de9 fghi", []string{"abc", "de"}, 9, "frame ends after the body"},
		{"good, then a length too short", "3 abc2 def2 gh", []string{"abc"}, 5, "no frame begins where the length says"},
		{"good, then garbage", "3 abchello", nil, 0, "no frame begins where the length says"},
		{"good, then digits", "3 abc12", []string{"abc"}, 5, "no length"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, offset, err := frames([]byte(tt.body))
			if !slices.EqualFunc(got, tt.frames, func(g []byte, w string) bool { return string(g) == w }) {
				t.Errorf("frames %q, want %q", got, tt.frames)
			}

			if offset != tt.offset {
				t.Errorf("offset %d, want %d", offset, tt.offset)
			}

			checkFramingError(t, err, offset, tt.reason)

			if n, framed, err := logplex.Check([]byte(tt.body)); n != len(tt.frames) || framed != tt.offset {
				t.Errorf("Check gives %d, %d, %v", n, framed, err)
			}
		})
	}
}

func checkFramingError(t *testing.T, err *logplex.FramingError, offset int, reason string) {
	t.Helper()

	if reason == "" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}

		return
	}

	if err == nil || err.Reason != reason || err.Offset != offset {
		t.Errorf("error %+v, want %q at %d", err, reason, offset)
	}
}

func TestFramingErrorSaysWhereAndWhy(t *testing.T) {
	t.Parallel()

	_, _, err := logplex.Check([]byte("3 abc9 de"))

	const want = "logplex: body at byte 5: frame ends after the body"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestScanStaysAtItsEnd(t *testing.T) {
	t.Parallel()

	for _, body := range []string{"3 abc", "3 abc9 de", ""} {
		s := logplex.Scan([]byte(body))
		for s.Next() {
			continue
		}

		offset, err := s.Offset(), s.Err()
		if s.Next() || s.Offset() != offset || s.Err() != err {
			t.Errorf("%q: Next moved on after the end", body)
		}
	}
}

//nolint:paralleltest // AllocsPerRun counts what the whole process allocates.
func TestGoodInputDoesNotAllocate(t *testing.T) {
	body := bytes.Repeat(logplextest.Body(t, "N10"), 20)
	good := 0

	allocs := testing.AllocsPerRun(20, func() {
		s := logplex.Scan(body)
		for s.Next() {
			if _, err := logplex.Parse(s.Frame(), logplex.SDAlways); err == nil {
				good++
			}
		}
	})
	if allocs != 0 || good == 0 {
		t.Errorf("%v allocations a body, %d good messages", allocs, good)
	}
}

var (
	plainPrefix   = regexp.MustCompile(`^0*[0-9]{1,6} `)
	plainLineEnds = regexp.MustCompile(`^(\r?\n)*`)
)

// plainFrames is framing by the letter: find the prefix, take the bytes, look at
// what follows.
func plainFrames(body string) (found []string, rest string) {
	for body != "" {
		prefix := plainPrefix.FindString(body)
		if prefix == "" || len(prefix) > 11 {
			return found, body
		}

		length, err := strconv.Atoi(strings.TrimSuffix(prefix, " "))
		if err != nil || length == 0 || length > logplex.MaxFrame || len(prefix)+length > len(body) {
			return found, body
		}

		frame, after := body[len(prefix):len(prefix)+length], body[len(prefix)+length:]

		after = strings.TrimPrefix(after, plainLineEnds.FindString(after))
		if after != "" && (after[0] < '0' || after[0] > '9') {
			return found, body
		}

		found, body = append(found, frame), after
	}

	return found, ""
}

func FuzzScan(f *testing.F) {
	for _, v := range logplextest.Vectors(f) {
		f.Add(v.Body)
		f.Add(append(slices.Clone(v.Body), "\r\n5 hello\n"...))
	}

	f.Fuzz(func(t *testing.T, body []byte) {
		want, rest := plainFrames(string(body))

		got, offset, err := frames(body)
		if !slices.EqualFunc(got, want, func(g []byte, w string) bool { return string(g) == w }) {
			t.Fatalf("frames %q, want %q", got, want)
		}

		if string(body[offset:]) != rest {
			t.Fatalf("remainder %q, want %q", body[offset:], rest)
		}

		if (err != nil) != (rest != "") {
			t.Fatalf("error %v with remainder %q", err, rest)
		}
	})
}

// anyBody draws bodies that are mostly frames, with some of everything else.
func anyBody(t *rapid.T) []byte {
	piece := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) []byte {
			frame := rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "frame")

			return append(strconv.AppendInt(nil, int64(len(frame)), 10), append([]byte(" "), frame...)...)
		}),
		rapid.SampledFrom([][]byte{[]byte("\n"), []byte("\r\n"), []byte("3 abc"), []byte("04 <1>1"), []byte("7")}),
		rapid.SliceOfN(rapid.Byte(), 0, 3),
	)

	return bytes.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), nil)
}
