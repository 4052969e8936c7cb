package hec

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var errTime = errors.New("time is not a number of seconds since 1970")

// parseTime reads the time of an envelope as nanoseconds since 1970. Clients send
// a number, or a string that holds one (Docker, splunk-logging for Java and
// JavaScript), in seconds with decimals. Whole numbers that would lie beyond the
// year 2400 in seconds are milliseconds, and beyond 9999 in milliseconds
// nanoseconds, the reading of Vector's receiver.
func parseTime(raw json.RawMessage) (int64, error) {
	number := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &number); err != nil {
			return 0, errTime
		}
		number = strings.TrimSpace(number)
	}
	if strings.ContainsAny(number, "eE") {
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || !json.Valid([]byte(number)) { // Go's floats have more forms
			return 0, errTime
		}
		number = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return parseDecimal(number)
}

// parseDecimal reads digits with an optional point, without the rounding of a float.
func parseDecimal(number string) (int64, error) {
	const (
		endOfSeconds = 13_569_465_600      // year 2400
		endOfMillis  = 253_402_300_800_000 // year 10000
	)
	whole, fraction, _ := strings.Cut(number, ".")
	n, err := parseDigits(whole)
	if err != nil {
		return 0, err
	}
	unit := int64(time.Second)
	switch {
	case n >= endOfMillis:
		unit = int64(time.Nanosecond)
	case n >= endOfSeconds:
		unit = int64(time.Millisecond)
	}
	if n > (math.MaxInt64-unit)/unit {
		return 0, errTime
	}
	ns := n * unit
	for _, digit := range []byte(fraction) {
		if digit < '0' || digit > '9' {
			return 0, errTime
		}
		unit /= 10
		ns += int64(digit-'0') * unit
	}
	return ns, nil
}

func parseDigits(digits string) (int64, error) {
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, errTime
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, errTime
	}
	return n, nil
}
