package door

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

// Credential lets senders in.
type Credential struct {
	// Name is all that is ever stored or shown of it.
	Name string
	// Secrets let in, each of them: while drains are moved to a new one, the old one
	// holds as well.
	Secrets []string
	// Apps are the only ones its senders may speak for; none means any.
	Apps           []string
	StructuredData drainlinev1.StructuredData
	Rate           config.Rate
}

// key is a secret as it is compared: digests are of one length, so the time a
// comparison takes tells nothing of the secret's.
type key struct {
	credential *Credential
	digest     [sha256.Size]byte
}

func newKeys(credentials []Credential) []key {
	var keys []key
	for i := range credentials {
		for _, secret := range credentials[i].Secrets {
			if secret == "" {
				continue // lets nobody in
			}
			keys = append(keys, key{credential: &credentials[i], digest: sha256.Sum256([]byte(secret))})
		}
	}
	return keys
}

// maxAuthorization bounds the header that is decoded, in bytes. Secrets have 256
// characters at most.
const maxAuthorization = 1 << 10

// admit finds the credential in an Authorization header, nil when there is none.
// A drain URL may have its secret before or after the colon, or have no colon,
// and Logplex drops an empty user (":secret" arrives as "secret:"), so both places
// count. log-shuttle may send its secret as a bearer's. Every secret is compared,
// in constant time.
func (r *rules) admit(authorization string) *Credential {
	if len(authorization) > maxAuthorization {
		return nil
	}
	var buf [maxAuthorization]byte
	user, password, ok := halves(buf[:0], authorization)
	if !ok {
		return nil
	}
	asUser, asPassword := sha256.Sum256(user), sha256.Sum256(password)
	found := -1
	for i := range r.keys {
		digest := r.keys[i].digest[:]
		same := subtle.ConstantTimeCompare(asUser[:], digest) | subtle.ConstantTimeCompare(asPassword[:], digest)
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return nil
	}
	return r.keys[found].credential
}

// halves are the two places of an Authorization header where a secret may be, in
// memory behind buf.
func halves(buf []byte, authorization string) (user, password []byte, ok bool) {
	scheme, value, _ := strings.Cut(authorization, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return append(buf, value...), nil, true
	case strings.EqualFold(scheme, "Basic"):
		pair, err := base64.StdEncoding.AppendDecode(buf, []byte(value))
		if err != nil {
			return nil, nil, false
		}
		user, password, _ = bytes.Cut(pair, []byte(":"))
		return user, password, true
	default:
		return nil, nil, false
	}
}
