package hec

import (
	"bytes"
	"errors"
	"math"
	"time"
)

var errTime = errors.New("time is not a number of seconds since 1970")

// ParseQueryTime reads the "time" of a query, of the raw endpoint or as the default
// of the event endpoint, as nanoseconds since 1970. Numbers are read as those of an
// envelope. Anything else is refused with InvalidDataFormat, as OpenTelemetry's
// receiver has it.
func ParseQueryTime(value string) (int64, *RefusedError) {
	ns, err := parseNumber(bytesOf(value))
	if err != nil {
		return 0, &RefusedError{Code: InvalidDataFormat, Event: -1, Reason: "the query's " + err.Error()}
	}
	return ns, nil
}

// parseTime reads the time of an envelope, one JSON value, as nanoseconds since
// 1970. Clients send a number, or a string that holds one (Docker, splunk-logging
// for Java and JavaScript).
func parseTime(raw []byte) (int64, error) {
	if raw[0] == '"' {
		raw = unquote(inside(raw))
	}
	return parseNumber(raw)
}

// parseNumber reads seconds with decimals or an exponent, and with blanks around
// them, to the nanosecond and without the rounding of a float; what is finer is cut
// off. What would lie beyond the year 2400 in seconds is milliseconds, and beyond
// 9999 in milliseconds nanoseconds, the reading of Vector's receiver. Nothing has a
// sign. A point needs digits before it, but none after it.
func parseNumber(text []byte) (int64, error) {
	text = bytes.TrimSpace(text)
	end := skipDigits(text, 0)
	if end < 0 {
		return 0, errTime
	}
	whole, fraction, rest := text[:end], text[end:end], text[end:]
	if len(rest) > 0 && rest[0] == '.' {
		end = max(1, skipDigits(rest, 1))
		fraction, rest = rest[1:end], rest[end:]
	}
	exponent, ok := parseExponent(rest)
	if !ok {
		return 0, errTime
	}
	return decimal{whole, fraction, exponent}.nanoseconds()
}

// parseExponent reads what follows the digits of a number: nothing, or an exponent.
// Those that are out of all reason come out as less, but still out of all reason.
func parseExponent(text []byte) (exponent int, ok bool) {
	if len(text) == 0 {
		return 0, true
	}
	if text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	digits, negative := text[1:], false
	if len(digits) > 0 && (digits[0] == '+' || digits[0] == '-') {
		digits, negative = digits[1:], digits[0] == '-'
	}
	if skipDigits(digits, 0) != len(digits) {
		return 0, false
	}
	const most = 1 << 40 // a body has fewer digits
	for _, digit := range digits {
		exponent = min(10*exponent+int(digit-'0'), most)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

// decimal is digits before and behind the point, times ten to the exponent.
type decimal struct {
	whole, fraction []byte
	exponent        int
}

// digit is the digit at a place, counted from the first of whole; zero where there
// is none.
func (d decimal) digit(place int) int64 {
	switch {
	case place < 0:
		return 0
	case place < len(d.whole):
		return int64(d.whole[place] - '0')
	case place < len(d.whole)+len(d.fraction):
		return int64(d.fraction[place-len(d.whole)] - '0')
	default:
		return 0
	}
}

func (d decimal) nanoseconds() (int64, error) {
	const (
		endOfSeconds = 13_569_465_600      // year 2400
		endOfMillis  = 253_402_300_800_000 // year 10000
		mostDigits   = 18                  // of an int64
	)
	first, digits := 0, len(d.whole)+len(d.fraction)
	for first < digits && d.digit(first) == 0 {
		first++
	}
	if first == digits {
		return 0, nil
	}
	point := len(d.whole) + d.exponent
	if point-first > mostDigits+1 {
		return 0, errTime
	}
	n := int64(0)
	for place := first; place < point; place++ {
		digit := d.digit(place)
		if n > (math.MaxInt64-digit)/10 {
			return 0, errTime
		}
		n = 10*n + digit
	}
	unit := int64(time.Second)
	switch {
	case n >= endOfMillis:
		unit = int64(time.Nanosecond)
	case n >= endOfSeconds:
		unit = int64(time.Millisecond)
	}
	if n > math.MaxInt64/unit {
		return 0, errTime
	}
	ns := n * unit
	for place := point; unit > 1; place++ {
		unit /= 10
		ns += d.digit(place) * unit
	}
	if ns < 0 { // the fraction was too much
		return 0, errTime
	}
	return ns, nil
}
