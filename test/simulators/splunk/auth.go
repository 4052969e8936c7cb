package splunk

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
)

// authenticate decides on the credentials before anything else is looked at, in Splunk's order: a query token wins over the header,
// even though no token here allows it, and is looked up before it is refused for being in the query.
func (s *Splunk) authenticate(r *http.Request) (Token, int) {
	query := r.URL.Query()
	if query.Has("token") {
		if _, code := s.find(query.Get("token")); code != codeSuccess {
			return Token{}, code
		}
		return Token{}, codeQueryAuthDisabled
	}
	secret, code := credential(r.Header.Get("Authorization"))
	if code != codeSuccess {
		return Token{}, code
	}
	return s.find(secret)
}

// credential takes the token out of an Authorization header: "Splunk <token>", or Basic with the token as password.
func credential(header string) (string, int) {
	scheme, value, _ := strings.Cut(strings.TrimSpace(header), " ")
	value = strings.TrimSpace(value)
	switch {
	case scheme == "":
		return "", codeTokenRequired
	case strings.EqualFold(scheme, "Splunk") && value != "":
		return value, codeSuccess
	case strings.EqualFold(scheme, "Basic"):
		pair, err := base64.StdEncoding.DecodeString(value)
		if _, password, found := strings.Cut(string(pair), ":"); err == nil && found {
			return password, codeSuccess
		}
	}
	return "", codeInvalidAuthorization
}

// find looks a token up and tells whether it may be used.
func (s *Splunk) find(secret string) (Token, int) {
	for known, token := range *s.tokens.Load() {
		if subtle.ConstantTimeCompare([]byte(known), []byte(secret)) == 1 {
			if token.Disabled {
				return Token{}, codeTokenDisabled
			}
			return token, codeSuccess
		}
	}
	return Token{}, codeInvalidToken
}
