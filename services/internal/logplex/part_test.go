package logplex_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

func TestSplit(t *testing.T) {
	t.Parallel()

	type part struct {
		body          string
		first, frames int
	}

	tests := []struct {
		name  string
		body  string
		limit int
		want  []part
	}{
		{"empty", "", 10, nil},
		{"fits", "3 abc2 de", 9, []part{{"3 abc2 de", 0, 2}}},
		{"one byte over", "3 abc2 de", 8, []part{{"3 abc", 0, 1}, {"2 de", 1, 1}}},
		{"three into two", "1 a1 b1 c", 6, []part{{"1 a1 b", 0, 2}, {"1 c", 2, 1}}},
		{"frame over the limit", "1 a9 bbbbbbbbb1 c", 5, []part{{"1 a", 0, 1}, {"9 bbbbbbbbb", 1, 1}, {"1 c", 2, 1}}},
		{"line ends where it is cut", "1 a\r\n\n\n1 b\n", 5, []part{{"1 a", 0, 1}, {"1 b", 1, 1}}},
		{"line ends elsewhere", "1 a\r\n1 b\n", 8, []part{{"1 a\r\n1 b", 0, 2}}},
		{"remainder", "1 a1 bxx", 10, []part{{"1 a", 0, 1}, {"1 bxx", 1, 0}}},
		{"remainder over the limit", "hello world", 5, []part{{"hello", 0, 0}, {" worl", 0, 0}, {"d", 0, 0}}},
		{"no limit to speak of", "1 a", -1, []part{{"1 a", 0, 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got := logplex.Split([]byte(tt.body), tt.limit)
			if !slices.EqualFunc(got, tt.want, func(g logplex.Part, w part) bool {
				return string(g.Body) == w.body && g.First == w.first && g.Frames == w.frames
			}) {
				t.Errorf("parts %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestPartsAreTheBody(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		body := anyBody(t)
		limit := rapid.IntRange(1, 200).Draw(t, "limit")
		whole, offset, _ := frames(body)

		var (
			found [][]byte
			rest  = body
		)

		for _, part := range logplex.Split(body, limit) {
			if part.Frames == 0 {
				if len(found) != len(whole) || len(part.Body) > limit {
					t.Fatalf("unframed part %q after %d frames", part.Body, len(found))
				}
			} else {
				rest = trimLineEnds(rest)
				found = append(found, framesOfPart(t, part, len(found), limit)...)
			}

			if !bytes.HasPrefix(rest, part.Body) {
				t.Fatalf("part %q is not next in %q", part.Body, rest)
			}

			rest = rest[len(part.Body):]
			if part.Frames > 0 && len(found) == len(whole) {
				rest = body[offset:]
			}
		}

		if !slices.EqualFunc(found, whole, bytes.Equal) {
			t.Fatalf("frames %q, want %q", found, whole)
		}

		if len(trimLineEnds(rest)) != 0 {
			t.Fatalf("%q is in no part", rest)
		}
	})
}

// framesOfPart scans one part by itself, as its reader will.
func framesOfPart(t *rapid.T, part logplex.Part, first, limit int) [][]byte {
	found, _, err := frames(part.Body)
	if err != nil || len(found) != part.Frames || part.First != first {
		t.Fatalf("part %+v holds %d frames from %d: %v", part, len(found), first, err)
	}

	if len(part.Body) > limit && part.Frames > 1 {
		t.Fatalf("part of %d frames is %d bytes, over the limit of %d", part.Frames, len(part.Body), limit)
	}

	return found
}

func trimLineEnds(b []byte) []byte {
	return bytes.TrimPrefix(b, plainLineEnds.Find(b))
}

func TestPartsOfWhatLogplexSendsAreTheBodyToTheByte(t *testing.T) {
	t.Parallel()

	body := bytes.Repeat(slices.Concat(logplextest.Body(t, "N15"), logplextest.Body(t, "N4")), 50)

	for limit := 150; limit < 2*len(body); limit = limit*2 + 1 {
		var joined []byte

		for _, part := range logplex.Split(body, limit) {
			if len(part.Body) > max(limit, 161) {
				t.Errorf("limit %d: part of %d bytes", limit, len(part.Body))
			}

			joined = append(joined, part.Body...)
		}

		if !bytes.Equal(joined, body) {
			t.Errorf("limit %d: the parts are not the body", limit)
		}
	}
}

func TestLeadingL10(t *testing.T) {
	t.Parallel()

	var (
		notice = string(logplextest.Body(t, "N5"))
		other  = string(logplextest.Body(t, "N1"))
		n4     = string(logplextest.Body(t, "N4"))
	)

	tests := []struct {
		name string
		body string
		want int
	}{
		{"empty", "", 0},
		{"none", other, 0},
		{"first of two", n4, 146},
		{"alone", notice, len(notice)},
		{"two, then another", notice + notice + other, 2 * len(notice)},
		{"line feed behind it", notice + "\n" + other, len(notice) + 1},
		{"not first", other + notice, 0},
		{"followed by garbage", notice + "garbage", 0},
		{"app that says the same", strings.Replace(notice, "heroku logplex", "app    logplex", 1), 0},
		{"other priority", strings.Replace(notice, "<172>", "<171>", 1), 0},
		{"other code", strings.Replace(notice, "L10", "L11", 1), 0},
		{"no fields", "9 <172>1 2025", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := logplex.LeadingL10([]byte(tt.body)); got != tt.want {
				t.Errorf("LeadingL10 = %d, want %d", got, tt.want)
			}
		})
	}
}
