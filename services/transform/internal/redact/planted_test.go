package redact_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
)

func drawString(t *rapid.T, pattern string) string {
	return rapid.StringMatching(pattern).Draw(t, "string")
}

// plants draw a secret and what it stands in.
var plants = map[string]func(t *rapid.T) (secret, in string){
	"aws_key": func(t *rapid.T) (string, string) {
		if rapid.Bool().Draw(t, "id") {
			id := drawString(t, `A[KS]IA[A-Z0-9]{16}`)
			return id, id
		}
		secret := drawString(t, `[A-Za-z0-9/+]{40}`)
		return secret, drawString(t, `(aws_secret_access_key|AWS_SECRET_KEY|secretAccessKey|secret_key)( = |=|: )`) + secret
	},
	"bearer": func(t *rapid.T) (string, string) {
		secret := drawString(t, `[0-9][A-Za-z0-9._~+/-]{10,40}={0,2}`)
		return secret, drawString(t, `((Proxy-)?[Aa]uthorization[:=] ?([Bb]earer |Basic |token )?|BEARER |bearer  )`) + secret
	},
	"credit_card": func(t *rapid.T) (string, string) {
		digits := drawString(t, `(4[0-9]{3}|5[1-5][0-9]{2}|6011)[0-9]{11}`)
		for last := '0'; ; last++ {
			if number := digits + string(last); plainIsCard(number) {
				gap := rapid.SampledFrom([]string{"", " ", "-"}).Draw(t, "gap")
				number = strings.Join([]string{number[:4], number[4:8], number[8:12], number[12:]}, gap)
				return number, number
			}
		}
	},
	"email": func(t *rapid.T) (string, string) {
		secret := drawString(t, `[a-z0-9][a-z0-9._+-]{0,20}@[a-z0-9-]{4,10}(\.[a-z0-9-]{1,5}){0,2}\.[a-z]{2,8}`)
		return secret, secret
	},
	"heroku_token": func(t *rapid.T) (string, string) {
		id := drawString(t, `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
		return id, drawString(t, `(HRKU-|HEROKU_API_KEY=|Authorization: Bearer |api_key: )`) + id
	},
	"ipv4": func(t *rapid.T) (string, string) {
		b := rapid.SliceOfN(rapid.IntRange(1, 255), 4, 4).Draw(t, "octets")
		secret := fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3])
		return secret, secret
	},
	"ipv6": func(t *rapid.T) (string, string) {
		b := [16]byte{0x20, 0x01}
		for i := 2; i < len(b); i++ {
			b[i] = rapid.SampledFrom([]byte{0, 0, 0, 1, 0xab, 0x9f}).Draw(t, "byte")
		}
		a := netip.AddrFrom16(b)
		secret := rapid.SampledFrom([]string{a.String(), a.StringExpanded(), strings.ToUpper(a.String())}).Draw(t, "form")
		return secret, secret
	},
	"jwt": func(t *rapid.T) (string, string) {
		secret := drawString(t, `eyJ[\w-]{10,30}\.eyJ[\w-]{10,30}\.[\w-]{10,30}`)
		return secret, secret
	},
	"password": func(t *rapid.T) (string, string) {
		secret := drawString(t, `[A-Za-z0-9!#$%*+/:<?@^_|~,.-]{7,20}[a-z]`)
		name := drawString(t, `([A-Z]+_PASSWORD|db[.]password|userPassword|pwd|client_secret|api[-_ ]?key|passwd2|access_token)`)
		in := rapid.SampledFrom([]string{`%s=%s`, `%s: %s`, `%s="%s"`, `"%s":"%s"`, `'%s' => '%s'`, `\"%s\": \"%s\"`, `x[%s]=%s`}).Draw(t, "form")
		return secret, fmt.Sprintf(in, name, secret)
	},
	"private_key": func(t *rapid.T) (string, string) {
		secret := drawString(t, `[A-Za-z0-9+/]{64}(\n|\\n)[A-Za-z0-9+/]{20}=`)
		label := drawString(t, `((RSA|EC|OPENSSH|ENCRYPTED) )?PRIVATE KEY`)
		in := "-----BEGIN " + label + "-----\n" + secret
		if rapid.Bool().Draw(t, "complete") {
			in += "\n-----END " + label + "-----"
		}
		return secret, in
	},
	"query_values": func(t *rapid.T) (string, string) {
		secret := drawString(t, `[A-Za-z0-9%+_.~/:@!$*-]{8,30}`)
		return secret, "/path?x=1&" + drawString(t, `[a-z_]{1,10}(\[\])?`) + "=" + secret + drawString(t, `(&y=2|#z)?`)
	},
	"url_password": func(t *rapid.T) (string, string) {
		secret := drawString(t, `[a-z][A-Za-z0-9%!$*+/?_.~-]{8,30}`)
		return secret, drawString(t, `(postgres|redis|https|mongodb\+srv)://[a-z]{0,8}:`) + secret + "@host.example.org:5432/db"
	},
}

// escaped is a string of JSON, some of whose characters have escapes that they need not.
func escaped(t *rapid.T, in string) string {
	var out bytes.Buffer
	every := rapid.IntRange(1, 7).Draw(t, "every")
	for i, r := range []rune(in) {
		switch {
		case i%every == 0:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
		case r == '"' || r == '\\' || r == '/' && i%2 == 0:
			out.WriteString(`\` + string(r))
		case r == '\n':
			out.WriteString(`\n`)
		default:
			out.WriteRune(r)
		}
	}
	return `"` + out.String() + `"`
}

// wrap puts a text into strings of JSON, from none to three of them.
func wrap(t *rapid.T, in string) string {
	for range rapid.IntRange(0, 3).Draw(t, "levels") {
		in = fmt.Sprintf(rapid.SampledFrom([]string{`{"msg":%s,"n":1}`, `[1, %s]`, `{"a":{"b":[{"c":%s}]}}`, `{%s:null}`}).Draw(t, "around"), escaped(t, in))
	}
	return in
}

func TestNoPlantedSecretIsLeft(t *testing.T) {
	t.Parallel()
	around := rapid.SampledFrom([]string{"", " ", "a b ", "ü ", "x, ", "\n", "(", "'", "\t7 "})
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(config.RedactPresets).Draw(t, "preset")
		secret, in := plants[name](t)
		in = around.Draw(t, "before") + in + rapid.SampledFrom([]string{"", " ", ", b", "\n", " ü", "\t"}).Draw(t, "after")
		wrapped := wrap(t, in)
		for _, list := range [][]config.Redaction{preset(name), {{Preset: name, HMAC: true}}, preset(config.RedactPresets...)} {
			r := newRedactor(t, list...)
			if out := text(t, r, wrapped); holds(out, secret) {
				t.Errorf("%s: %q of %q is in %q", name, secret, wrapped, out)
			}
		}
	})
}

// holds says whether the text has the secret, or some string of JSON has it that the text
// is.
func holds(in, secret string) bool {
	if strings.Contains(in, secret) {
		return true
	}
	var v any
	if json.Unmarshal([]byte(in), &v) != nil {
		return false
	}
	return holdsValue(v, secret)
}

func holdsValue(v any, secret string) bool {
	switch v := v.(type) {
	case string:
		return holds(v, secret)
	case []any:
		for _, e := range v {
			if holdsValue(e, secret) {
				return true
			}
		}
	case map[string]any:
		for name, e := range v {
			if holds(name, secret) || holdsValue(e, secret) {
				return true
			}
		}
	}
	return false
}
