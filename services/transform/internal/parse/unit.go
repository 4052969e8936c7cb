package parse

import (
	"math"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// unit is what a number is counted in: 10^ten milliseconds, 2^two bytes, or what the name
// of the field says.
type unit struct {
	ten, two int
	time     bool
}

// unitOf knows the units of Heroku's and l2met's measurements. Sizes count in powers of
// 1024, as Heroku's do: a dyno's quota of 512.00MB is half a gibibyte.
func unitOf(name string) (unit, bool) {
	switch name {
	case "", "%", "pages", "bytes", "byte", "B":
		return unit{}, true
	case "ms":
		return unit{time: true}, true
	case "s":
		return unit{ten: 3, time: true}, true
	case "us", "µs", "μs":
		return unit{ten: -3, time: true}, true
	case "ns":
		return unit{ten: -6, time: true}, true
	case "k", "K", "kB", "KB", "KiB":
		return unit{two: 10}, true
	case "M", "MB", "MiB":
		return unit{two: 20}, true
	case "G", "GB", "GiB":
		return unit{two: 30}, true
	case "T", "TB", "TiB":
		return unit{two: 40}, true
	default:
		return unit{}, false
	}
}

// Measurement reads a number with or without a unit. Durations come in milliseconds and
// sizes in whole bytes; anything else, such as pages and percent, as it is. It reports
// false for what is none, and for an unknown unit. The number may be kept in the memory
// of the list.
func Measurement(list *fields.List, text string) (v fields.Value, ok bool) {
	ok = measure(list, text, &v)
	return v, ok
}

// measure fills in an empty value.
func measure(list *fields.List, text string, v *fields.Value) bool {
	var d decimal
	n := d.read(text)
	if n == 0 {
		return false
	}
	u, ok := unitOf(text[n:])
	return ok && d.in(u, list, v)
}

// Duration reads a duration in milliseconds, which may have another unit or none. It
// reports false for what is none.
func Duration(list *fields.List, text string) (v fields.Value, ok bool) {
	var d decimal
	n := d.read(text)
	if n == 0 {
		return v, false
	}
	u, ok := unitOf(text[n:])
	ok = ok && (u.time || n == len(text)) && d.in(u, list, &v)
	return v, ok
}

// in fills in the number without its unit.
func (d *decimal) in(u unit, list *fields.List, v *fields.Value) (ok bool) {
	n := d.times(u.ten)
	switch {
	case u.two != 0:
		*v, ok = list.NumberValue(math.Round(math.Ldexp(n, u.two)))
		return ok
	case u.ten != 0:
		*v, ok = list.NumberValue(n)
		return ok
	case math.IsInf(n, 0):
		return false
	}
	v.Kind, v.Text, v.Number = fields.Number, d.text, n
	return true
}
