package redact

import (
	"fmt"
	"strings"

	"github.com/drainline/drainline/config"
)

// method is how a step finds what it replaces.
type method uint8

const (
	byLiteral method = iota
	byPattern
	byName
	bearerWord
	jwtToken
	urlPassword
	privateKey
	emailAddress
	cardNumber
	ipv4Address
	ipv6Address
	awsID
	herokuKey
	queryValue
)

// step is one kind of secret. A preset may have several.
type step struct {
	method  method
	names   topic   // byName
	pattern pattern // byLiteral and byPattern
	by      replacement
	// across is by for JSON as it is written: inside of a string, and with quotes.
	across [2]replacement
}

var presets = map[string][]step{
	"aws_key":      {{method: awsID}, {method: byName, names: awsNames}},
	"bearer":       {{method: byName, names: authorizationNames}, {method: bearerWord}},
	"credit_card":  {{method: cardNumber}},
	"email":        {{method: emailAddress}},
	"heroku_token": {{method: herokuKey}, {method: byName, names: herokuNames}},
	"ipv4":         {{method: ipv4Address}},
	"ipv6":         {{method: ipv6Address}},
	"jwt":          {{method: jwtToken}},
	"password":     {{method: byName, names: passwordNames}},
	"private_key":  {{method: privateKey}},
	"query_values": {{method: queryValue}},
	"url_password": {{method: urlPassword}},
}

// newSteps are the steps of a redaction, without what they replace by.
func newSteps(r config.Redaction) ([]step, error) {
	if (r.Preset == "") == (r.Pattern == "") {
		return nil, fmt.Errorf("preset %q and pattern %q: give one of them", r.Preset, r.Pattern)
	}
	if r.Preset != "" {
		steps, ok := presets[r.Preset]
		if !ok {
			return nil, fmt.Errorf("preset %q: must be one of %s", r.Preset, strings.Join(config.RedactPresets, ", "))
		}
		return steps, nil
	}
	p, err := newPattern(r.Pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", r.Pattern, err)
	}
	if p.re == nil {
		return []step{{method: byLiteral, pattern: p}}, nil
	}
	return []step{{method: byPattern, pattern: p}}, nil
}

// mayFind says whether there may be something to find in the strings of JSON that has
// no escapes. The scanners say it for the text as a whole: what delimits the strings
// breaks no match.
func (s *step) mayFind(text []byte) bool {
	switch s.method {
	case byLiteral, byPattern:
		return s.pattern.needs.in(text)
	case byName:
		return vocabularies[s.names].mentioned(text)
	default:
		return s.finds(text)
	}
}

// finds says whether there is something to find in a text.
func (s *step) finds(text []byte) bool {
	e := edit{text: text, dry: true}
	s.scan(&e, &noContext)
	return e.done > 0
}

// scan hands to the edit what the step finds, from left to right. It calls the
// scanners by name, so that the edit stays on the stack.
func (s *step) scan(e *edit, c *context) {
	switch s.method {
	case byLiteral:
		s.pattern.scanLiteral(e)
	case byPattern:
		s.pattern.scan(e)
	case byName:
		if n := c[s.names]; n != nil {
			n.scanWhole(e)
		} else {
			scanNames(e, vocabularies[s.names])
		}
	case bearerWord:
		scanBearer(e)
	case jwtToken:
		scanJWT(e)
	case urlPassword:
		scanURLPasswords(e)
	case privateKey:
		scanPrivateKeys(e)
	case emailAddress:
		scanEmails(e)
	case cardNumber:
		scanCards(e)
	case ipv4Address:
		scanIPv4(e)
	case ipv6Address:
		scanIPv6(e)
	case awsID:
		scanAWSIDs(e)
	case herokuKey:
		scanHerokuKeys(e)
	case queryValue:
		scanQueries(e)
	}
}
