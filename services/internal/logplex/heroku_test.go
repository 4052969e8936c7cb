package logplex_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/heroku/x/logplex/encoding"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// ordinaryPrefix leaves out what Heroku's scanner takes for a length because
// strconv.Atoi does: signs, and any number of zeros. It panics on a minus.
var ordinaryPrefix = regexp.MustCompile(`^[0-9]{1,10} `)

// herokuFrames are the frames that Heroku's scanner finds in a body; ok says that
// it finds nothing else.
func herokuFrames(body []byte) (found [][]byte, ok bool) {
	for len(body) > 0 {
		if !ordinaryPrefix.Match(body) {
			return nil, false
		}

		n, frame, err := encoding.SyslogSplitFunc(body, true)
		if err != nil || len(frame) == 0 || len(frame) > logplex.MaxFrame {
			return nil, false
		}

		found, body = append(found, frame), body[n:]
	}

	return found, true
}

// agree holds the framer to Heroku's: where that finds frames and nothing else,
// they are the same.
func agree(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, body []byte,
) {
	t.Helper()

	want, ok := herokuFrames(body)
	if !ok {
		return
	}

	got, offset, err := frames(body)
	if err != nil || offset != len(body) || len(got) != len(want) {
		t.Fatalf("%q: %d frames, Heroku finds %d: %v", body, len(got), len(want), err)
	}

	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("%q: frame %d is %q, Heroku finds %q", body, i, got[i], want[i])
		}

		agreeOnHeader(t, got[i])
	}
}

// agreeOnHeader holds Parse to Heroku's, where that accepts a frame of version 1
// with a priority that syslog knows. Of STRUCTURED-DATA only NIL is compared, with
// its space: Heroku's takes anything in brackets for some and cuts it off.
func agreeOnHeader(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, frame []byte,
) {
	t.Helper()

	want, err := encoding.Decode(bytes.Clone(frame), false)
	if err != nil || want.Priority > 191 || !bytes.HasPrefix(frame, fmt.Appendf(nil, "<%d>1 ", want.Priority)) {
		return
	}

	sd := logplex.SDNever
	if text, nilSD := strings.CutPrefix(want.Message, "- "); nilSD {
		sd, want.Message = logplex.SDAlways, text
	}

	got, err := logplex.Parse(frame, sd)
	if err != nil {
		t.Fatalf("%q: %v", frame, err)
	}

	if got.Facility != want.Priority>>3 || got.Severity != want.Priority&7 || string(got.Host) != want.Hostname ||
		string(got.App) != want.Application || string(got.Proc) != want.Process || string(got.MsgID) != want.ID ||
		string(got.Text) != strings.TrimSuffix(want.Message, "\n") {
		t.Fatalf("%q: %+v, Heroku finds %+v", frame, got, want)
	}

	if got.HasTime && got.Time != want.Timestamp.UnixNano() {
		t.Fatalf("%q: time %d, Heroku finds %v", frame, got.Time, want.Timestamp)
	}
}

func FuzzAgainstHeroku(f *testing.F) {
	for _, v := range logplextest.Vectors(f) {
		f.Add(v.Body)
	}

	f.Fuzz(func(t *testing.T, body []byte) { agree(t, body) })
}

// What senders of all kinds may write.
func TestFramesAreThoseHerokuFinds(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		agree(t, anyBody(t))
	})

	field := rapid.SampledFrom([]string{"host", "app", "", "-", "web.1", "[x]", "d.1", "\xff"})
	message := rapid.Custom(func(t *rapid.T) []byte {
		at := rapid.SampledFrom([]string{"2024-05-01T12:00:00.123456+00:00", "2024-05-01T12:00:00Z", "2024-02-29T23:59:60.5-08:00", "-", "x"})
		sd := rapid.SampledFrom([]string{"", "- ", "[a b=\"c\"] ", "[a b=\"]\"][c] ", "[a"})
		line := fmt.Sprintf("<%d>%d %s %s %s %s %s %s", rapid.IntRange(0, 260).Draw(t, "priority"), rapid.IntRange(0, 2).Draw(t, "version"),
			at.Draw(t, "time"), field.Draw(t, "host"), field.Draw(t, "app"), field.Draw(t, "proc"), field.Draw(t, "id"), sd.Draw(t, "sd"))
		line += string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))

		return append(strconv.AppendInt(nil, int64(len(line)), 10), " "+line...)
	})

	rapid.Check(t, func(t *rapid.T) {
		agree(t, bytes.Join(rapid.SliceOfN(message, 1, 5).Draw(t, "messages"), nil))
	})
}
