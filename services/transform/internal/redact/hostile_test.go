package redact_test

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
)

// hostile are texts that are all beginnings.
var hostile = []string{
	"@", ":", "::", "=", "?", "&", "?a=", "1", "1.", "1.2.3.4.", "4111 ", "4111-", "4111111111111111", "eyJ", "eyJ.", "eyJa.", "eyJa.b",
	"://", "://a:", "://a:b/", "://a:b@", "%40", "a%40", "a@", "a@b.", "a.", "-", "-----", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----",
	"-----END PRIVATE KEY-----", "PRIVATE KEY", "password", "password=", "password:", "password=\"", "password='\\\"", "password=\\\"",
	"secret_key=", "secret_key=\"", "secret_key=\\\"", "api_key: ", "apikey=\n", "_", "_=", " ", " =", "\\", "\\=", "\\\"", "\"", "'", "token=[",
	"Bearer", "Bearer ", "bearerbearer ", "Authorization: ", "Authorization: Digest ", "authorization=\"", "IA", "AKIA", "AKIAIA", "HRKU-", "xHRKU-",
	"***", "hmac:", "hmac:0123456789abcdef", "a:", "a::", "fe80::1%", "0:", "[", "{", "{\"a\":", "[{", "\"password\":[", "%3D", "%3A%22", "password%3D",
	"\xff", "ü", "ü@", "\x1b", "\x1b[", "\x1b[1;", "\x1b[0m", "\\x1b[0m", "password\x1b[0m=", "password={", "password={\"", "password=[\\\"", "\"password\"\n",
	"\"token\": \n\n", "\n", "://a:1/", "://a:1/@", "Authorization: jwt token ", "token ", "4111111111111111.00", "x@y.de@", "x@y.de", "1.2.3.4 ", "password=x ", "?a=b ", "{}", "\\u0040",
}

// TestHostileTexts would take minutes if anything took the square of the length.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	const size = 64 << 10
	r := newRedactor(t, preset(config.RedactPresets...)...)
	hashed := newRedactor(t, config.Redaction{Preset: "password", HMAC: true}, config.Redaction{Pattern: `"a":"(?<a>[^"]+)"`})
	for _, part := range hostile {
		in := strings.Repeat(part, size/len(part))
		for _, in := range []string{in, "@" + in + "@ ://", "[" + in + "]", `{"a":"` + in + `"}`} {
			text(t, r, in)
			text(t, hashed, in[:len(in)/16])
		}
		value(t, r, "token", `["`+in+`"]`)
	}
}

func FuzzText(f *testing.F) {
	for _, part := range hostile {
		f.Add(part, uint8(3), "x")
	}
	for _, cases := range presetCases {
		for _, c := range cases {
			f.Add(c.in, uint8(1), "")
		}
	}
	f.Fuzz(func(t *testing.T, part string, times uint8, rest string) {
		in := strings.Repeat(part, int(times%32)) + rest
		text(t, newRedactor(t, preset(config.RedactPresets...)...), in)
		hashed := newRedactor(t, config.Redaction{Preset: "password", HMAC: true}, config.Redaction{Pattern: `"a":"(?<a>[^"]+)"`, With: "a"})
		text(t, hashed, in)
	})
}
