package redact

import "bytes"

// scanJWT finds JSON Web Tokens in their compact form (RFC 7519): a signed one has three
// parts, an encrypted one five. The first is a JSON object in Base64url, so that it
// begins with eyJ; the second and the third may be empty.
//
//	eyJ[\w-]+\.[\w-]*\.[\w-]*(?:\.[\w-]*\.[\w-]+)?
func scanJWT(e *edit) {
	const signed, encrypted = 3, 5
	text := e.text
	for i := 0; ; {
		at := bytes.IndexByte(text[i:], 'J') // rarer than the letters before it
		if at < 0 {
			return
		}
		first := i + at + 1
		begin := first - len("eyJ")
		if begin < i || text[begin] != 'e' || text[begin+1] != 'y' {
			i = first
			continue
		}
		if i = skipBase64URL(text, first); i == first {
			continue
		}
		parts, end := 1, i
		for ; parts < encrypted && i < len(text) && text[i] == '.'; parts++ {
			if i = skipBase64URL(text, i+1); parts < signed {
				end = i
			}
		}
		if parts == encrypted && text[i-1] != '.' {
			end = i
		}
		if i = end; parts >= signed {
			e.replace(begin, end)
		}
	}
}

func skipBase64URL(text []byte, i int) int {
	for i < len(text) && isBase64URL(text[i]) {
		i++
	}
	return i
}

// scanAWSIDs finds the ids of access keys of AWS (IAM: unique identifiers), AKIA for
// those of users and ASIA for temporary ones, and 16 letters and digits.
func scanAWSIDs(e *edit) {
	const before, length = len("AK"), 20
	text := e.text
	for i := 0; ; {
		at := bytes.Index(text[i:], []byte("IA"))
		if at < 0 {
			return
		}
		begin := i + at - before
		end := begin + length
		i += at + len("IA")
		if begin < 0 || end > len(text) || text[begin] != 'A' || text[begin+1] != 'K' && text[begin+1] != 'S' {
			continue
		}
		if areCapitals(text[begin:end]) && wordBegins(text, begin) && wordEnds(text, end) {
			e.replace(begin, end)
			i = end
		}
	}
}

func areCapitals(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// isAWSSecret says whether the value looks like the secret of an access key of AWS.
func isAWSSecret(value []byte) bool {
	const length = 40
	return len(value) == length && isBase64(value)
}

// isAWSToken says whether the value begins like a session token of AWS, which is longer
// than what is looked at.
func isAWSToken(value []byte) bool {
	const least = 100
	return len(value) >= least && isBase64(value)
}

func isBase64(value []byte) bool {
	for _, c := range value {
		if !isLetter(c) && !isDigit(c) && c != '/' && c != '+' && c != '=' {
			return false
		}
	}
	return true
}

var herokuBegin = []byte("HRKU-")

// scanHerokuKeys finds the tokens of Heroku that say so: HRKU- and a UUID, or longer ones
// in Base64url.
func scanHerokuKeys(e *edit) {
	const least = 20
	text := e.text
	for i := 0; ; {
		at := bytes.Index(text[i:], herokuBegin)
		if at < 0 {
			return
		}
		begin := i + at
		if i = begin + len(herokuBegin); !wordBegins(text, begin) {
			continue
		}
		if end := skipBase64URL(text, i); end-i >= least {
			e.replace(begin, end)
			i = end
		}
	}
}

// isUUID says whether the value is a UUID (RFC 9562), which older tokens of Heroku are.
func isUUID(value []byte) bool {
	const length = 36
	if len(value) != length {
		return false
	}
	for i, c := range value {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if unhex(c) < 0 {
			return false
		}
	}
	return true
}
