package door

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// Credential is a secret and the name it goes by, which is all that is ever
// stored or shown of it.
type Credential struct {
	Name   string
	Secret string
}

// key is a credential as it is compared: digests are of one length, so the time
// a comparison takes tells nothing of the secret's.
type key struct {
	name   string
	digest [sha256.Size]byte
}

func newKey(c Credential) key {
	return key{name: c.Name, digest: sha256.Sum256([]byte(c.Secret))}
}

// maxAuthorization bounds the header that is decoded, in bytes. Secrets have 256
// characters at most.
const maxAuthorization = 1 << 10

// admit finds the credential in an Authorization header, and reports false when
// there is none. A drain URL may have its secret before or after the colon, or
// have no colon, and Logplex drops an empty user (":secret" arrives as
// "secret:"), so both places count. Every credential is compared, in constant
// time.
func (r *rules) admit(authorization string) (name string, ok bool) {
	const scheme = "Basic "
	if len(authorization) > maxAuthorization || len(authorization) < len(scheme) ||
		!strings.EqualFold(authorization[:len(scheme)], scheme) {
		return "", false
	}
	var buf [maxAuthorization]byte
	pair, err := base64.StdEncoding.AppendDecode(buf[:0], []byte(authorization[len(scheme):]))
	if err != nil {
		return "", false
	}
	user, password := pair, pair[len(pair):]
	for i, c := range pair {
		if c == ':' {
			user, password = pair[:i], pair[i+1:]
			break
		}
	}
	asUser, asPassword := sha256.Sum256(user), sha256.Sum256(password)
	found := -1
	for i := range r.keys {
		digest := r.keys[i].digest[:]
		same := subtle.ConstantTimeCompare(asUser[:], digest) | subtle.ConstantTimeCompare(asPassword[:], digest)
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return "", false
	}
	return r.keys[found].name, true
}
