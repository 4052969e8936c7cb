package logplex

// The calendar years that nanoseconds since 1970 in an int64 hold from end to end.
const (
	minYear = 1678
	maxYear = 2261
)

const (
	secondsPerDay = 86_400
	maxFraction   = 9
	// notDigits is what twoDigits returns for anything but digits: more than two
	// digits can say, so that every bound refuses it.
	notDigits = 100
)

// parseTime reads YYYY-MM-DDTHH:MM:SS[.f](Z|±HH:MM) with one to nine digits of
// fraction, the RFC 3339 that RFC 5424 allows plus nanoseconds, as nanoseconds since
// 1970. It is exact, and ok is false for anything else, leap seconds and years
// outside 1678 to 2261 included.
//
// time.Parse takes the same and costs ten times as much, for every single event.
func parseTime(b []byte) (ns int64, ok bool) {
	const clock = len("2006-01-02T15:04:05")

	if len(b) <= clock {
		return 0, false
	}

	seconds, ok := parseClock(b[:clock])
	if !ok {
		return 0, false
	}

	fraction, n := parseFraction(b[clock:])

	offset, ok := parseZone(b[clock+n:])
	if !ok {
		return 0, false
	}

	return (seconds-offset)*1e9 + fraction, true
}

// parseClock returns the seconds since 1970 of the 19 bytes "2006-01-02T15:04:05",
// taken as UTC.
func parseClock(b []byte) (seconds int64, ok bool) {
	_ = b[18]
	if b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}

	century, yearOf := twoDigits(b[0], b[1]), twoDigits(b[2], b[3])
	month, day := twoDigits(b[5], b[6]), twoDigits(b[8], b[9])
	hour, minute, second := twoDigits(b[11], b[12]), twoDigits(b[14], b[15]), twoDigits(b[17], b[18])
	year := century*100 + yearOf

	if yearOf == notDigits || year < minYear || year > maxYear || month < 1 || month > 12 ||
		day < 1 || day > daysIn(month, year) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}

	return int64(daysSince1970(year, month, day))*secondsPerDay + int64(hour*3600+minute*60+second), true
}

// parseFraction returns the nanoseconds of ".f" at the start of b and how many bytes
// that takes, 0 and 0 when there is none.
func parseFraction(b []byte) (ns int64, n int) {
	if b[0] != '.' {
		return 0, 0
	}

	n = 1
	for n < len(b) && n <= maxFraction && isDigit(b[n]) {
		ns = ns*10 + int64(b[n]-'0')
		n++
	}

	if n == 1 {
		return 0, 0
	}

	for i := n; i <= maxFraction; i++ {
		ns *= 10
	}

	return ns, n
}

// parseZone returns the seconds that a zone is ahead of UTC; b is nothing but the zone.
func parseZone(b []byte) (seconds int64, ok bool) {
	switch string(b) {
	case "+00:00", "Z": // nearly all there is
		return 0, true
	}

	if len(b) != len("+00:00") || b[3] != ':' {
		return 0, false
	}

	hour, minute := twoDigits(b[1], b[2]), twoDigits(b[4], b[5])
	if hour > 23 || minute > 59 {
		return 0, false
	}

	seconds = int64(hour*3600 + minute*60)

	switch b[0] {
	case '+':
		return seconds, true
	case '-':
		return -seconds, true
	default:
		return 0, false
	}
}

func twoDigits(tens, ones byte) int {
	tens -= '0'

	ones -= '0'
	if tens > 9 || ones > 9 {
		return notDigits
	}

	return int(tens)*10 + int(ones)
}

func daysIn(month, year int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}

		return 28
	default:
		return 31
	}
}

// daysSince1970 counts days of the Gregorian calendar.
func daysSince1970(year, month, day int) int {
	// Let years begin in March: then the leap day is the last of its year, and the days
	// before month m are (153m+2)/5.
	month -= 3
	if month < 0 {
		month += 12
		year--
	}

	// Days from March 1 of year 0 to January 1, 1970.
	const epoch = 719_468

	return year*365 + year/4 - year/100 + year/400 + (153*month+2)/5 + day - 1 - epoch
}
