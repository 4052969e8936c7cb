package heroku_test

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/services/transform/internal/heroku"
)

func TestLost(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]int{
		"Error L10 (output buffer overflow): 3 messages dropped since 2024-05-01T11:59:02+00:00.":                                                3,
		"Error L10 (output buffer overflow): 1234567 messages dropped since 2013-01-01T01:01:01+00:00.":                                          1_234_567,
		"Error L10 (output buffer overflow): drain 'd.73ea7440-270a-435a-a0ea-adf50b4e5f5a' dropped 21 messages since 2021-01-01T00:00:00+00:00": 21,
		"Error L12: 5 messages dropped since 2024-05-01T11:59:00.000000+00:00":                                                                   5,
		"Error L13: 7 messages lost since 2024-05-01T11:59:00.000000+00:00":                                                                      7,
		"Error L13: 1 message lost":                                           1,
		"Error L10 (output buffer overflow):":                                 1,
		"Error L12: messages lost":                                            1,
		"Error L12: -2 messages lost":                                         2,
		"Error L12: 0 messages lost":                                          1,
		"Error L12: 007 messages lost":                                        7,
		"Error L12: 1000000001 messages lost":                                 1_000_000_000,
		"Error L12: " + strings.Repeat("9", 100_000) + " messages lost":       1_000_000_000,
		"Error L12: " + strings.Repeat("0", 100_000) + "12345 messages lost":  12_345,
		"Error L12: 1" + strings.Repeat("0", 100_000) + "00000 messages lost": 1_000_000_000,
		" messages": 1,
		"":          1,
	} {
		if got := heroku.Lost([]byte(text)); got != want {
			t.Errorf("%.120s: %d, want %d", text, got, want)
		}
	}
}
