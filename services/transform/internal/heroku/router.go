package heroku

import "bytes"

// routerCodeAndDyno reads two keys of a router line, which is logfmt: key=value pairs
// separated by spaces, values with spaces in quotes, quotes in those escaped by a
// backslash. Path and forwarded-for are the client's to choose, and are quoted: only
// what stands outside quotes counts. Of a key given twice the first counts, and nothing
// behind dyno does: both generations of the router write what they measured there.
func routerCodeAndDyno(text []byte) (code, dyno []byte) {
	for at := 0; at < len(text) && dyno == nil; {
		end := len(text)
		if i := bytes.IndexByte(text[at:], '"'); i >= 0 {
			end = at + i
		}

		// Begin at the quote before: what follows it without a space is no key.
		for plain := text[max(at-1, 0):end]; len(plain) > 0 && dyno == nil; {
			pair := plain
			if space := bytes.IndexByte(plain, ' '); space >= 0 {
				pair, plain = plain[:space], plain[space+1:]
			} else {
				plain = nil
			}

			const key = len("dyno=")
			if len(pair) < key {
				continue
			}

			switch string(pair[:key]) {
			case "dyno=":
				dyno = pair[key:]
			case "code=":
				if code == nil {
					code = pair[key:]
				}
			}
		}

		at = quotedEnd(text, end)
	}

	if !isCode(code, 'H') {
		code = nil
	}

	if _, ok := processType(dyno); !ok {
		dyno = nil
	}

	return code, dyno
}

// quotedEnd returns the position behind the quoted value that opens at b[open]; the
// end of b when it never closes.
func quotedEnd(b []byte, open int) int {
	for i := open + 1; i < len(b); i++ {
		quote := bytes.IndexByte(b[i:], '"')
		if quote < 0 {
			break
		}

		begin := i

		i += quote
		if !isEscaped(b[begin:i]) {
			return i + 1
		}
	}

	return len(b)
}

// isEscaped reports whether what follows b is escaped by the backslashes b ends with.
func isEscaped(b []byte) bool {
	slashes := len(b)
	for slashes > 0 && b[slashes-1] == '\\' {
		slashes--
	}

	return (len(b)-slashes)%2 == 1
}
