package redact

import (
	"bytes"
	"net/netip"
)

// scanIPv4 finds four octets with dots between them. With a fifth they are a version, and
// so are those of the form 120.0.0.0 behind the name of a product: Chrome/120.0.0.0.
func scanIPv4(e *edit) {
	text := e.text
	for i := 0; ; {
		dot := bytes.IndexByte(text[i:], '.')
		if dot < 0 {
			return
		}
		dot += i
		i = dot + 1
		begin := octetBegin(text, dot)
		if begin < 0 {
			continue
		}
		end := ipv4End(text, begin)
		if end < 0 || isVersion(text, begin, end) {
			continue
		}
		e.replace(begin, end)
		i = end
	}
}

// octetBegin is where the address begins whose first octet ends before the dot, negative
// for nowhere.
func octetBegin(text []byte, dot int) int {
	const most = 3
	begin := dot
	for begin > 0 && dot-begin <= most+2 && isDigit(text[begin-1]) {
		begin--
	}
	switch begin = afterEscape(text, begin, dot); {
	case begin == dot || dot-begin > most || !wordBegins(text, begin):
		return -1
	case begin > 1 && text[begin-1] == '.' && isWord(text[begin-2]):
		return -1
	default:
		return begin
	}
}

// ipv4End is the end of the address that begins at text[i], negative if there is none.
func ipv4End(text []byte, i int) int {
	for octet := range 4 {
		if octet > 0 {
			if i >= len(text) || text[i] != '.' {
				return -1
			}
			i++
		}
		begin, value := i, 0
		for i < len(text) && isDigit(text[i]) && i-begin < 3 {
			value = value*10 + int(text[i]-'0')
			i++
		}
		if i == begin || value > 255 || i-begin > 1 && text[begin] == '0' {
			return -1
		}
	}
	if !numberEnds(text, i) {
		return -1
	}
	return i
}

func isVersion(text []byte, begin, end int) bool {
	return begin > 1 && text[begin-1] == '/' && isLetter(text[begin-2]) && bytes.HasSuffix(text[begin:end], []byte(".0.0.0"))
}

// scanIPv6 finds addresses in any form of RFC 4291, section 2.2, with the zone of a
// link-local one. An address without a digit is taken for a name, as in a::b.
func scanIPv6(e *edit) {
	text := e.text
	for i := 0; ; {
		colon := bytes.IndexByte(text[i:], ':')
		if colon < 0 {
			return
		}
		colon += i
		begin, end := addressAround(text, i, colon)
		i = end
		if begin, end = trimAddress(text, begin, end); end > 0 {
			e.replace(begin, end)
			i = max(i, end)
		}
	}
}

// addressAround is the run of what an address is made of around a colon.
func addressAround(text []byte, from, colon int) (begin, end int) {
	begin, end = colon, colon
	for begin > from && isAddress(text[begin-1]) {
		begin--
	}
	for end < len(text) && isAddress(text[end]) {
		end++
	}
	return begin, end
}

func isAddress(c byte) bool { return unhex(c) >= 0 || c == ':' || c == '.' }

// trimAddress is the address in text[begin:end], with its zone; empty if there is none.
// A colon or a dot behind it, and the end of a word and a colon before it, are not of it.
func trimAddress(text []byte, begin, end int) (int, int) {
	if end-begin < len("::1") || bytes.Count(text[begin:end], []byte(":")) < 2 {
		return 0, 0
	}
	if begin > 0 && text[begin-1] == '%' && areHex(text[begin:begin+2]) { // %20 and an address
		begin += 2
	} else if !wordBegins(text, begin) {
		begin += bytes.IndexByte(text[begin:end], ':')
		if text[begin+1] == ':' { // std::abs
			return 0, 0
		}
	}
	if text[begin] == ':' && text[begin+1] != ':' {
		begin++
	}
	for end > begin && text[end-1] == '.' {
		end--
	}
	if end-begin > 1 && text[end-1] == ':' && text[end-2] != ':' {
		end--
	}
	if end < len(text) && text[end] == '*' { // 2001:db8::***, whose rest has been redacted
		return 0, 0
	}
	if !wordEnds(text, end) || !isIPv6(text[begin:end]) {
		return 0, 0
	}
	return begin, zoneEnd(text, begin, end)
}

func isIPv6(text []byte) bool {
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
	if len(text) > longest || !bytes.ContainsAny(text, "0123456789") {
		return false
	}
	if !bytes.Contains(text, []byte("::")) && bytes.Count(text, []byte(":")) < 6 {
		return false
	}
	a, err := netip.ParseAddr(string(text))
	return err == nil && a.Is6()
}

// zoneEnd is the end of the zone behind the address text[begin:end], if it is link-local.
func zoneEnd(text []byte, begin, end int) int {
	if end == len(text) || text[end] != '%' || !equalFold(text[begin:begin+2], "fe") {
		return end
	}
	after := end + 1
	for after < len(text) && isBase64URL(text[after]) {
		after++
	}
	if after == end+1 {
		return end
	}
	return after
}
