package hec_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/drainline/drainline/services/internal/hec"
)

func TestScanTime(t *testing.T) {
	t.Parallel()
	const refused = -1
	for _, c := range []struct {
		time string
		ns   int64
	}{
		{`1795311639.253`, 1795311639_253000000}, // V6, OpenTelemetry
		{`1795311639253`, 1795311639_253000000},
		{`1795311639253.5`, 1795311639_253500000},
		{`1795311639253000001`, 1795311639_253000001},
		{`13569465599`, refused}, // seconds, beyond what nanoseconds hold
		{`13569465600`, 13569465600_000000},
		{`253402300799999`, refused}, // milliseconds
		{`253402300800000`, 253402_300800000},
		{`"1795311637.708817"`, 1795311637_708817000}, // Docker
		{`"1700000000.123"`, 1700000000_123000000},    // splunk-logging
		{`"1433188255.500"`, 1433188255_500000000},    // V5
		{`" 1433188255.500 "`, 1433188255_500000000},
		{`"1433188255\u002e5"`, 1433188255_500000000},
		{`1714564800.1234567899`, 1714564800_123456789},
		{`1714564800.123456789`, 1714564800_123456789},
		{`1714564800.000000001`, 1714564800_000000001}, // a float has 0.000000238
		{`1.795311639253e9`, 1795311639_253000000},
		{`1795311639253E-3`, 1795311639_253000000},
		{`1.795311639253000001e+18`, 1795311639_253000001},
		{`0.0000017953116392e15`, 1795311639_200000000},
		{`1e-9`, 1},
		{`1e-10`, 0},
		{`1e-400000000000000000000`, 0},
		{`0e400000000000000000000`, 0},
		{`"0000000000000000000000001.5"`, 1_500000000},
		{`0`, 0},
		{`1`, 1_000000000},
		{`"5."`, 5_000000000},
		{`9223372036.854775807`, math.MaxInt64},
		{`9223372036.854775808`, refused},
		{`9223372036854775807`, math.MaxInt64},
		{`9223372036854775808`, refused},
		{`5.`, refused}, // not JSON
		{`-1`, refused},
		{`-0`, refused},
		{`"+1"`, refused},
		{`"yesterday"`, refused}, // V17
		{`""`, refused},
		{`".5"`, refused},
		{`"1 2"`, refused},
		{`"1.2.3"`, refused},
		{`"1e"`, refused},
		{`"1e+"`, refused},
		{`"1e1.5"`, refused},
		{`"0x10"`, refused},
		{`"1_000e3"`, refused},
		{`"0xep1"`, refused},
		{`"inf"`, refused},
		{`"NaN"`, refused},
		{`1e400`, refused},
		{`1e400000000000000000000`, refused},
		{`99999999999999999999999999`, refused},
		{`true`, refused},
		{`{}`, refused},
		{`[1]`, refused},
	} {
		got, err := collect(`{"event":"x","time":`+c.time+`}`, hec.Limits{})
		if c.ns == refused {
			if err == nil || c.time != `5.` && err.Code != hec.InvalidFields {
				t.Errorf("time %s: %+v, %v", c.time, got, err)
			}
			continue
		}
		if err != nil || got[0].TimeNS != c.ns || !got[0].HasTime {
			t.Errorf("time %s: %+v, %v; want %d", c.time, got, err, c.ns)
		}
	}
}

func TestParseQueryTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value string
		ns    int64
		ok    bool
	}{
		{"1714564800", 1714564800_000000000, true},
		{"1714564800.223456", 1714564800_223456000, true},
		{"1714564800223", 1714564800_223000000, true},
		{"0", 0, true},
		{"", 0, false},
		{"-1", 0, false},
		{"now", 0, false},
		{`"1"`, 0, false},
		{"1714564800&", 0, false},
	} {
		ns, refused := hec.ParseQueryTime(c.value)
		if (refused == nil) != c.ok || ns != c.ns {
			t.Errorf("%q: %d, %v; want %d", c.value, ns, refused, c.ns)
		}
		if refused != nil && (refused.Code != hec.InvalidDataFormat || refused.Answer().InvalidEvent != -1) {
			t.Errorf("%q is answered %+v", c.value, refused.Answer())
		}
	}
}

// FuzzTime holds times to what big.Rat makes of them.
func FuzzTime(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		if largeExponent.MatchString(text) {
			return
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := plainTime(quoted)
		if ns, refused := hec.ParseQueryTime(text); (refused == nil) != ok || refused == nil && ns != want {
			t.Fatalf("%q is %d, %v; want %d, %t", text, ns, refused, want, ok)
		}
		got, refused := collect(`{"event":1,"time":`+string(quoted)+`}`, hec.Limits{})
		if (refused == nil) != ok || ok && got[0].TimeNS != want {
			t.Fatalf("%s is %+v, %v; want %d, %t", quoted, got, refused, want, ok)
		}
	})
}
