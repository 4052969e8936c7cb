package parse

import (
	"math"
	"strconv"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// Typed is a value as what it looks like: true or false, a number as JSON writes them, or
// a text. Anything that a number would change is a text too, for it may be an id:
// integers above 2^53, leading zeros, and an exponent without a sign (12e5 may begin a
// hash; programs write 1.2e+06).
func Typed(text string) (v fields.Value) {
	setTyped(&v, text)
	return v
}

// setTyped fills in an empty value. Copies of values are half of what parsing costs.
func setTyped(v *fields.Value, text string) {
	v.Text = text
	switch {
	case text == "" || text[0] > '9' && text[0] != 't' && text[0] != 'f':
	case text == "true" || text == "false":
		v.Kind = fields.Bool
	default:
		var d decimal
		if n := d.read(text); n > 0 && n == len(text) && !d.changes() {
			v.Kind, v.Number = fields.Number, d.times(0)
		}
	}
}

// decimal is a number as it is written, mantissa × 10^exponent.
type decimal struct {
	// text is all of it, and mantissa its digits, as many as fit.
	text     string
	mantissa uint64
	exponent int
	negative bool
	// whole says that it is an integer without an exponent, long that not all digits are
	// in the mantissa.
	whole, long bool
}

// changes says whether a float would be another number.
func (d *decimal) changes() bool {
	return d.whole && (d.long || d.mantissa > fields.MaxWhole) || math.IsInf(d.times(0), 0)
}

// times is the number times 10^power, rounded to the nearest there is where it has up to
// 15 digits.
func (d *decimal) times(power int) float64 {
	exponent := d.exponent + power
	if d.long || d.mantissa > fields.MaxWhole || exponent < -exact || exponent > exact {
		n, _ := strconv.ParseFloat(d.text, 64) // infinite where it is too large
		return n * math.Pow10(power)
	}
	n := float64(d.mantissa)
	if exponent < 0 {
		n /= tens[-exponent]
	} else {
		n *= tens[exponent]
	}
	if d.negative {
		return -n
	}
	return n
}

// Powers of ten up to this one are exact, and so is one multiplication with them
// (Clinger, How to read floating point numbers accurately).
const exact = 22

var tens = [exact + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// read reads the number at the start of a text, as JSON writes them but with a sign in the
// exponent. It returns how many bytes that takes, 0 where there is none.
func (d *decimal) read(text string) int {
	i := 0
	if text != "" && text[0] == '-' {
		d.negative, i = true, 1
	}
	begin := i
	i = d.digits(text, i)
	if i == begin || i > begin+1 && text[begin] == '0' {
		return 0
	}
	d.whole = true
	if i < len(text) && text[i] == '.' {
		if end := d.digits(text, i+1); end > i+1 {
			d.exponent, d.whole = i+1-end, false
			i = end
		}
	}
	d.long = i-begin > maxDigits
	if i+2 < len(text) && text[i]|0x20 == 'e' && (text[i+1] == '-' || text[i+1] == '+') && isDigit(text[i+2]) {
		i = d.power(text, i+1)
	}
	d.text = text[:i]
	return i
}

// maxDigits is how many digits fit the mantissa, whatever they are.
const maxDigits = 18

// digits takes the digits from i on into the mantissa, and returns where they end.
func (d *decimal) digits(text string, i int) int {
	for i < len(text) && isDigit(text[i]) {
		d.mantissa = 10*d.mantissa + uint64(text[i]-'0')
		i++
	}
	return i
}

// power takes the exponent whose sign is at i, and returns where it ends.
func (d *decimal) power(text string, i int) int {
	const most = 10_000 // beyond what any float has
	minus, power := text[i] == '-', 0
	for i++; i < len(text) && isDigit(text[i]); i++ {
		power = min(10*power+int(text[i]-'0'), most)
	}
	if minus {
		power = -power
	}
	d.exponent, d.whole = d.exponent+power, false
	return i
}

func isDigit(c byte) bool { return c-'0' <= 9 }
