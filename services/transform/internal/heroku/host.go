package heroku

// maxHost is the longest HOSTNAME that RFC 5424 allows, in bytes.
const maxHost = 255

// HostApp returns the app that a frame's HOSTNAME names, aliasing it, or nil. Logplex
// itself writes "host" there (a syslog drain the drain token, the labs era "app" or
// "heroku") and log-shuttle "shuttle" unless told otherwise; other senders may write
// the app's name. A name over 255 bytes or not of printable ASCII is none.
func HostApp(host []byte) []byte {
	switch string(host) {
	case "", "-", "host", sourceApp, sourceHeroku, shuttle:
		return nil
	}

	if len(host) > maxHost || !isPrintable(host) || IsDrainToken(host) {
		return nil
	}

	return host
}

// IsDrainToken recognises "d." and a UUID, the id that Logplex gives a drain.
func IsDrainToken(b []byte) bool {
	const token = "d.00000000-0000-0000-0000-000000000000"

	if len(b) != len(token) || b[0] != 'd' || b[1] != '.' {
		return false
	}

	for i := 2; i < len(token); i++ {
		if token[i] == '-' && b[i] != '-' || token[i] == '0' && !isHex(b[i]) {
			return false
		}
	}

	return true
}

func isHex(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
}
