package logplex_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/internal/logplex"
)

// plainShape is RFC 3339 as RFC 5424 narrows it, with up to nanoseconds. time.Parse
// alone also takes a comma, one-digit hours and more digits than nine.
var plainShape = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func plainTime(s string) (int64, bool) {
	if !plainShape.MatchString(s) {
		return 0, false
	}

	ts, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || ts.Year() < 1678 || ts.Year() > 2261 {
		return 0, false
	}

	return ts.UnixNano(), true
}

// parsedTime sends a timestamp through Parse, the only way to it.
func parsedTime(t interface{ Fatal(args ...any) }, stamp string) (int64, bool) {
	m, err := logplex.Parse(slices.Concat([]byte("<1>1 "), []byte(stamp), []byte(" h a p - ")), logplex.SDNever)
	if err != nil {
		t.Fatal(err)
	}

	return m.Time, m.HasTime
}

func TestTimestamps(t *testing.T) {
	t.Parallel()

	tests := []struct {
		stamp string
		want  string // RFC 3339 in UTC, empty when it is no timestamp
	}{
		{"2024-05-01T12:00:00+00:00", "2024-05-01T12:00:00Z"},
		{"2024-05-01T12:00:00.123456+00:00", "2024-05-01T12:00:00.123456Z"},
		{"2025-03-18T07:43:08.99958+00:00", "2025-03-18T07:43:08.99958Z"},
		{"2024-05-01T12:00:03.1+00:00", "2024-05-01T12:00:03.1Z"},
		{"2012-11-30T06:45:29.12Z", "2012-11-30T06:45:29.12Z"},
		{"2012-11-30T06:45:29.123456789-08:00", "2012-11-30T14:45:29.123456789Z"},
		{"2024-02-29T23:59:59.000000001+05:30", "2024-02-29T18:29:59.000000001Z"},
		{"2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"},
		{"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z"},
		{"1678-01-01T00:00:00+23:59", "1677-12-31T00:01:00Z"},
		{"2261-12-31T23:59:59.999999999-23:59", "2262-01-01T23:58:59.999999999Z"},
		{"1677-12-31T23:59:59Z", ""},
		{"2262-01-01T00:00:00Z", ""},
		{"-", ""},
		{"", ""},
		{"2024-13-45T99:99:99Z", ""},
		{"2023-02-29T00:00:00Z", ""},
		{"2100-02-29T00:00:00Z", ""},
		{"2024-04-31T00:00:00Z", ""},
		{"2024-00-01T00:00:00Z", ""},
		{"2024-01-00T00:00:00Z", ""},
		{"2024-01-01T24:00:00Z", ""},
		{"2024-01-01T23:60:00Z", ""},
		{"2016-12-31T23:59:60Z", ""},
		{"2024-05-01T12:00:00", ""},
		{"2024-05-01T12:00:00.Z", ""},
		{"2024-05-01T12:00:00.1234567890Z", ""},
		{"2024-05-01T12:00:00,5Z", ""},
		{"2024-05-01T12:00:00z", ""},
		{"2024-05-01t12:00:00Z", ""},
		{"2024-05-01T12:00:00ZZ", ""},
		{"2024-05-01T12:00:00+0000", ""},
		{"2024-05-01T12:00:00+24:00", ""},
		{"2024-05-01T12:00:00+00:60", ""},
		{"2024-05-01T12:00:00*00:00", ""},
		{"2024-05-01T12:00:00.", ""},
		{"2x24-05-01T12:00:00Z", ""},
		{"20x4-05-01T12:00:00Z", ""},
	}
	for _, tt := range tests {
		ns, ok := parsedTime(t, tt.stamp)
		if ok != (tt.want != "") {
			t.Errorf("%q: ok is %t", tt.stamp, ok)
		}

		if got := time.Unix(0, ns).UTC().Format(time.RFC3339Nano); ok && got != tt.want {
			t.Errorf("%q: %s, want %s", tt.stamp, got, tt.want)
		}
	}
}

func TestEveryDayOfTheCalendar(t *testing.T) {
	t.Parallel()

	for day := time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2262; day = day.AddDate(0, 0, 1) {
		stamp := day.Format(time.RFC3339)
		if ns, ok := parsedTime(t, stamp); !ok || ns != day.UnixNano() {
			t.Fatalf("%s: %d, %t", stamp, ns, ok)
		}
	}
}

func TestTimestampsAgreeWithTimeParse(t *testing.T) {
	t.Parallel()

	layouts := []string{
		time.RFC3339, time.RFC3339Nano, "2006-01-02T15:04:05.000000-07:00", "2006-01-02T15:04:05.999999-07:00",
		"2006-01-02T15:04:05.000000000-07:00",
	}

	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("", 60*rapid.IntRange(-1439, 1439).Draw(t, "minutes east"))
		ts := time.Unix(0, rapid.Int64Range(-9_214_000_000e9, 9_214_000_000e9).Draw(t, "time")).In(zone)
		stamp := ts.Format(rapid.SampledFrom(layouts).Draw(t, "layout"))

		// One wrong byte somewhere, half of the time.
		if i := rapid.IntRange(-len(stamp), len(stamp)-1).Draw(t, "position"); i >= 0 {
			stamp = stamp[:i] + rapid.StringMatching(`[0-9TZ.:+x-]?`).Draw(t, "byte") + stamp[i+1:]
		}

		sameAsTimeParse(t, stamp)
	})
}

func FuzzTimestamp(f *testing.F) {
	for _, stamp := range []string{
		"2024-05-01T12:00:00.123456+00:00", "2012-11-30T06:45:29.123456789-08:00", "2024-02-29T00:00:00Z", "-", "",
		"2024-13-45T99:99:99Z", "2023-02-29T00:00:00Z", "2016-12-31T23:59:60Z",
	} {
		f.Add(stamp)
	}

	f.Fuzz(func(t *testing.T, stamp string) {
		// A space ends the field.
		stamp, _, _ = strings.Cut(stamp, " ")

		sameAsTimeParse(t, stamp)
	})
}

func sameAsTimeParse(t interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}, stamp string,
) {
	got, ok := parsedTime(t, stamp)

	want, wantOK := plainTime(stamp)
	if got != want || ok != wantOK {
		t.Fatalf("%q: %d, %t; time.Parse: %d, %t", stamp, got, ok, want, wantOK)
	}
}
