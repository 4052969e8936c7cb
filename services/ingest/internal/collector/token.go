package collector

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/internal/hec"
)

// token is a Token as requests are compared with it: digests are of one length, so
// the time a comparison takes tells nothing of the secret's.
type token struct {
	Token

	digest   [sha256.Size]byte
	defaults *drainlinev1.Defaults
}

func newToken(t Token) token {
	return token{Token: t, digest: sha256.Sum256([]byte(t.Secret)), defaults: &drainlinev1.Defaults{
		Host: t.Host, Source: t.Source, Sourcetype: t.Sourcetype, Index: t.Index,
		Fields: hec.IndexedFields(t.Fields), SplitArrays: t.SplitArrays,
	}}
}

// mayWrite says whether events may go to an index; none leaves the choice to
// whoever stores them.
func (t *token) mayWrite(index string) bool {
	return index == "" || len(t.Indexes) == 0 || index == t.Index || slices.Contains(t.Indexes, index)
}

// inside says whether clients may be at an address.
func (t *token) inside(client netip.Addr) bool {
	return len(t.Allow) == 0 || contains(t.Allow, client)
}

// find compares a secret with that of every token, in constant time. It returns nil
// for one that is nobody's.
func (r *rules) find(secret string) *token {
	if secret == "" {
		return nil
	}
	digest, found := sha256.Sum256([]byte(secret)), -1
	for i := range r.tokens {
		same := subtle.ConstantTimeCompare(digest[:], r.tokens[i].digest[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return nil
	}
	return &r.tokens[found]
}

// refusal is a refusal that is not for an event.
func refusal(code hec.Code, reason string) error {
	return &hec.RefusedError{Code: code, Event: -1, Reason: reason}
}

// admit finds the token of a request, in the order in which Splunk decides. The
// request is there after an error, too, without a token where none was found.
func (r *rules) admit(h *http.Request) (*request, error) {
	q := &request{http: h, rules: r, received: time.Now()}
	if h.URL.RawQuery != "" {
		q.query = h.URL.Query() // never a form: curl calls every body one
	}
	address := r.client(h)
	q.client = addressText(address)
	t, err := r.authenticate(h.Header, q.query)
	q.token = t
	if err != nil {
		return q, err
	}
	if !t.inside(address) {
		q.foreign = true
		return q, refusal(hec.InvalidToken, "the client is outside the networks that the token allows")
	}
	return q, nil
}

// authenticate finds the token. One in the query counts before the header, even
// where that way is not allowed; whether it is, Splunk asks only of valid tokens.
func (r *rules) authenticate(h http.Header, query url.Values) (*token, error) {
	secret := query.Get("token")
	inQuery := secret != ""
	var t *token
	if inQuery {
		t = r.find(secret)
	} else {
		var err error
		if t, err = r.authorized(h.Get("Authorization")); err != nil {
			return nil, err
		}
	}
	switch {
	case t == nil:
		return nil, refusal(hec.InvalidToken, "nobody knows the token")
	case t.Disabled:
		return t, refusal(hec.TokenDisabled, "the token is disabled in the configuration")
	case inQuery && !t.QueryAuth:
		return t, refusal(hec.QueryAuthDisabled, "the token may not come in the URL, see query_string_auth")
	default:
		return t, nil
	}
}

// authorized finds the token in an Authorization header, nil for one that nobody
// knows. Basic has it as the password; a URL such as https://:TOKEN@host or
// https://TOKEN@host, the usual one of a Heroku drain, arrives with the token as
// the user, because Logplex drops an empty user.
func (r *rules) authorized(header string) (*token, error) {
	scheme, credentials, _ := strings.Cut(strings.TrimSpace(header), " ")
	credentials = strings.TrimSpace(credentials)
	switch {
	case scheme == "":
		return nil, refusal(hec.TokenRequired, "there is no token")
	case credentials == "":
	case strings.EqualFold(scheme, "Splunk"):
		return r.find(credentials), nil
	case strings.EqualFold(scheme, "Basic"):
		pair, err := base64.StdEncoding.DecodeString(credentials)
		if err != nil {
			break
		}
		user, password, _ := strings.Cut(string(pair), ":")
		asUser, asPassword := r.find(user), r.find(password)
		if asPassword != nil {
			return asPassword, nil
		}
		return asUser, nil
	}
	return nil, refusal(hec.InvalidAuthorization, "the Authorization header is neither Splunk nor Basic with a token")
}
