package heroku

import (
	"bytes"

	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/parse"
)

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

		at = parse.QuoteEnd(fields.Alias(text), end+1) + 1
	}

	if !isCode(code, 'H') {
		code = nil
	}

	if _, ok := processType(dyno); !ok {
		dyno = nil
	}

	return code, dyno
}
