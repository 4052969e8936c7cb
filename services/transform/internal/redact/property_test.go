package redact_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
)

// fragments are what secrets are made of, and what may stand around them.
var fragments = []string{
	"password", "=", ":", ": ", "=>", "\"", "'", "\\", "\\\"", " ", "\t", "\n", "&", ";", ",", "?", "/", "://", "@", "%40", "%3D", "%20", "%22",
	"a", "b1", "x@y.de", "example", ".org", ".", "..", "-", "_", "+", "%", "#", "[", "]", "(", ")", "{", "}", "<", ">", "`", "|",
	"postgres://u:p@h", "eyJ", "eyJa.eyJb.c", "Bearer ", "Authorization: ", "Basic ", "Digest ", "token", "api_key", "SECRET", "pwd", "pass",
	"4111111111111111", "4111 ", "1111 1111 1111", "378282246310005", "3782", "822463", "10005", "0", "1", "12", "255", "10.1.2.3", "::", "fe80",
	"2001:db8::1", "::1", "AKIAIOSFODNN7EXAMPLE", "AKIA", "IA", "HRKU-", uuid, "secret_key", awsSecret, "-----", "-----BEGIN PRIVATE KEY-----",
	"-----END PRIVATE KEY-----", "BEGIN ", "PRIVATE KEY", "***", "hmac:", "0123456789abcdef", "null", "ü", "\xff", "K", "ſ", "@2x.png", "v",
	"\x1b[36m", "\x1b[0m", "\x1b", `\u001b[1m`, "tokens", "passwords", "{'a': '", "'}", "x-oauth-basic", ":8080/", "localhost", "http", ".0", "b'", "deadbeefdeadbeef",
}

func draw(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 12).Draw(t, "fragments"), "")
}

func TestScannersFindWhatThePlainOnesFind(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := "x" + draw(t) // no JSON
		for name := range plain {
			compare(t, name, in)
		}
	})
}

func drawPresets(t *rapid.T) []config.Redaction {
	return preset(rapid.SliceOfNDistinct(rapid.SampledFrom(config.RedactPresets), 1, -1, rapid.ID).Draw(t, "presets")...)
}

func TestRedactingTwiceIsRedactingOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := newRedactor(t, drawPresets(t)...)
		once := text(t, r, draw(t))
		if twice := text(t, r, once); twice != once {
			t.Errorf("%q\nonce more %q", once, twice)
		}
	})
}

func TestAPresetLeavesItsHMACs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(config.RedactPresets).Draw(t, "preset")
		r := newRedactor(t, config.Redaction{Preset: name, HMAC: true})
		once := text(t, r, draw(t))
		if twice := text(t, r, once); twice != once {
			t.Errorf("%s: %q\nonce more %q", name, once, twice)
		}
	})
}
