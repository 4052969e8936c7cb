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
		if code := s.state(query.Get("token")); code != codeSuccess {
			return Token{}, code
		}
		return Token{}, codeQueryAuthDisabled
	}
	secret, code := credential(r.Header.Get("Authorization"))
	if code != codeSuccess {
		return Token{}, code
	}
	if code := s.state(secret); code != codeSuccess {
		return Token{}, code
	}
	return s.options.Tokens[secret], codeSuccess
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

// state tells whether a token is known and enabled.
func (s *Splunk) state(secret string) int {
	for known, token := range s.options.Tokens {
		if subtle.ConstantTimeCompare([]byte(known), []byte(secret)) == 1 {
			if token.Disabled {
				return codeTokenDisabled
			}
			return codeSuccess
		}
	}
	return codeInvalidToken
}

// health answers without credentials; those given must be good, with codes of its own for those that are not.
func (s *Splunk) health(r *http.Request) answer {
	if r.Header.Get("Authorization") == "" {
		return reply(codeHealthy)
	}
	switch _, code := s.authenticate(r); code {
	case codeSuccess:
		return reply(codeHealthy)
	case codeTokenDisabled:
		return reply(codeHealthTokenDisabled)
	default:
		return reply(codeHealthInvalidToken)
	}
}
