package door

import (
	"net/http"

	"github.com/drainline/drainline/proto/wire"
)

// maxToken bounds the ids and tokens that senders give, in characters. Known
// ones are UUIDs or 32 hexadecimal digits.
const maxToken = 128

// Headers, as net/http writes them.
const (
	headerFrameID    = "Logplex-Frame-Id"
	headerDrainToken = "Logplex-Drain-Token" //nolint:gosec // a header's name
	headerMsgCount   = "Logplex-Msg-Count"
	headerRequestID  = "X-Request-Id"
)

// identity is what tells a retry from a new request. Fields that the sender did
// not give, or gave in a way that nothing can be concluded from, are empty.
type identity struct {
	credential string
	drainToken string
	frameID    string
	requestID  string
}

func identify(credential string, h http.Header) identity {
	return identity{
		credential: credential,
		drainToken: token(h[headerDrainToken]),
		frameID:    token(h[headerFrameID]),
		requestID:  token(h[headerRequestID]),
	}
}

// id identifies a request; repeatable says that a retry would have the same.
// Logplex repeats its frame id, log-shuttle its request id and its body.
func (i identity) id(body []byte) (id wire.ID, repeatable bool) {
	switch {
	case i.frameID != "":
		return wire.RequestID(i.credential, i.drainToken, i.frameID), true
	case i.requestID != "":
		return wire.ShuttleRequestID(i.credential, i.requestID, body), true
	default:
		return wire.RandomID(), false
	}
}

// shard is what decides about the stream a request goes to: requests of one
// drain keep their order.
func (i identity) shard() string {
	if i.drainToken != "" {
		return i.drainToken
	}
	return i.credential
}

// token is the header's one value, if it is 1 to 128 printable ASCII characters.
func token(values []string) string {
	if len(values) != 1 || len(values[0]) > maxToken || !isPrintable(values[0]) {
		return ""
	}
	return values[0]
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
