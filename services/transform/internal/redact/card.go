package redact

// The digits of a card's number (ISO/IEC 7812).
const (
	minCard = 13
	maxCard = 19
)

// scanCards finds the numbers of payment cards: digits in one piece, or the first four
// and then groups of three to six with a blank or a dash between them.
//
// A number has no two bytes beside each other that are no digits. So of two bytes at
// every twelfth place, one is a digit if there is a number around.
func scanCards(e *edit) {
	text := e.text
	from := 0
	for i := minCard - 2; i+1 < len(text); i += minCard - 1 {
		if !isDigit(text[i]) && !isDigit(text[i+1]) {
			continue
		}
		from = scanDigits(e, from, i)
		i = max(i, from-1)
	}
}

// scanDigits finds the numbers in the digits around text[i] or text[i+1], with single
// blanks and dashes between them, and returns where those end.
func scanDigits(e *edit, from, i int) int {
	text := e.text
	if !isDigit(text[i]) {
		i++
	}
	for i > from && (isDigit(text[i-1]) || isGap(text[i-1]) && i-1 > from && isDigit(text[i-2])) {
		i--
	}
	for i < len(text) && isDigit(text[i]) {
		begin := i
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		begin = afterEscape(text, begin, i)
		if end := cardEnd(text, begin, i); end > 0 {
			e.replace(begin, end)
			i = end
		}
		if i+1 < len(text) && isGap(text[i]) && isDigit(text[i+1]) {
			i++
		}
	}
	return i
}

func isGap(c byte) bool { return c == ' ' || c == '-' }

// cardEnd is where the number ends whose first digits are text[begin:end], 0 if they are
// none. Of several ends the last counts.
func cardEnd(text []byte, begin, end int) int {
	if !wordBegins(text, begin) || begin > 1 && text[begin-1] == '.' && isDigit(text[begin-2]) {
		return 0
	}
	var digits [maxCard]byte
	n := copy(digits[:], text[begin:end])
	switch {
	case end-begin > maxCard:
		return 0
	case end-begin != 4:
		if isCard(digits[:n]) && cardEnds(text, end) {
			return end
		}
		return 0
	}
	last := 0
	for end+1 < len(text) && isGap(text[end]) && text[end] == text[begin+4] {
		next := end + 1
		for end = next; end < len(text) && isDigit(text[end]); {
			end++
		}
		size := end - next
		if size < 3 || size > 6 || n+size > maxCard {
			break
		}
		n += copy(digits[n:], text[next:end])
		if isCard(digits[:n]) && cardEnds(text, end) {
			last = end
		}
	}
	return last
}

// numberEnds says whether a number may end before text[i]: it is no part of a word or
// of a decimal fraction.
func numberEnds(text []byte, i int) bool {
	return wordEnds(text, i) && (i+1 >= len(text) || text[i] != '.' || !isDigit(text[i+1]))
}

// cardEnds is numberEnds, but for a fraction of zeros: pandas makes floats of numbers.
func cardEnds(text []byte, i int) bool {
	if i+1 < len(text) && text[i] == '.' && text[i+1] == '0' {
		for i++; i < len(text) && text[i] == '0'; {
			i++
		}
	}
	return numberEnds(text, i)
}

// isCard says whether the digits are the number of a card: its length is one that its
// issuer uses, and its last digit is right.
func isCard(digits []byte) bool {
	if len(digits) < minCard {
		return false
	}
	prefix := 0
	for _, c := range digits[:6] {
		prefix = prefix*10 + int(c-'0')
	}
	for _, is := range issuers {
		if is.first <= prefix && prefix <= is.last {
			return is.lengths>>len(digits)&1 != 0 && isLuhn(digits)
		}
	}
	return false
}

// issuers are ranges of the first six digits, with the lengths that they have as a set
// of bits.
var issuers = []struct{ first, last, lengths int }{
	{400000, 499999, 1<<13 | 1<<16 | 1<<19}, // Visa
	{510000, 559999, 1 << 16},               // Mastercard
	{222100, 272099, 1 << 16},               // Mastercard
	{340000, 349999, 1 << 15},               // American Express
	{370000, 379999, 1 << 15},               // American Express
	{300000, 305999, longer},                // Diners Club
	{309500, 309599, longer},                // Diners Club
	{360000, 369999, longer},                // Diners Club
	{380000, 399999, longer},                // Diners Club
	{352800, 358999, long},                  // JCB
	{601100, 601199, long},                  // Discover
	{620000, 629999, long},                  // UnionPay
	{644000, 659999, long},                  // Discover
	{220000, 220499, long},                  // Mir
	{500000, 509999, longest},               // Maestro
	{560000, 589999, longest},               // Maestro
	{600000, 699999, longest},               // Maestro, RuPay
	{810000, 829999, long},                  // RuPay
}

const (
	long    = 1<<16 | 1<<17 | 1<<18 | 1<<19
	longer  = long | 1<<14 | 1<<15
	longest = longer | 1<<13
)

// isLuhn checks the last digit by the formula of Luhn (ISO/IEC 7812-1, annex B).
func isLuhn(digits []byte) bool {
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
