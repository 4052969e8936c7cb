package redact_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	all := preset("password", "bearer", "aws_key", "heroku_token", "email", "credit_card", "private_key", "url_password")
	for _, c := range []struct{ name, in, want string }{
		{"", `"alice@example.org"`, `"***"`},
		{"", ` { "a" : "x\u0040y.de" , "b":[ 1,2 ] } `, ` { "a" : "***" , "b":[ 1,2 ] } `},
		{"", `{"a":"\u00e9 x@y.de \ud83d\ude00 \"q\" \/ \n\t\u0001"}`, `{"a":"é *** 😀 \"q\" / \n\t\u0001"}`},
		{"", `{"a":"\u00e9 \/","b":"x@y.de"}`, `{"a":"\u00e9 \/","b":"***"}`},
		{"", `{"x@y.de":1,"z":{"a\u0040b.de":2}}`, `{"***":1,"z":{"***":2}}`},
		{"", `[4111111111111111,4111111111111112,-4111111111111111]`, `["***",4111111111111112,"-***"]`},
		{"", `{"password":"x"}`, `{"password":"***"}`},
		{"", `{"pass\u0077ord":"a b\" c"}`, `{"pass\u0077ord":"***"}`},
		{"", `{"password":1234.5e1,"a":1234.5e1}`, `{"password":"***","a":1234.5e1}`},
		{"", `{"password":null,"token":true,"secret":false,"pwd":""}`, ""},
		{"", `{"password":{"a":"x","b":[1,null,{"c":"y"}]},"d":"z"}`, `{"password":{"a":"***","b":["***",null,{"c":"***"}]},"d":"z"}`},
		{"", `{"a":[{"token":["x",[2]]},"y"],"b":3}`, `{"a":[{"token":["***",["***"]]},"y"],"b":3}`},
		{"", `{"token":[],"a":1}`, ""},
		{"", `{"token":null,"a":[1]}`, ""},
		{"", `{"password":{"token":{"a":"x"},"b":"y"},"c":"z"}`, `{"password":{"token":{"a":"***"},"b":"***"},"c":"z"}`},
		{"password", `"x"`, `"***"`},
		{"user.password", `["x",{"a":1}]`, `["***",{"a":"***"}]`},
		{"Authorization", `"Basic dXNlcg=="`, `"Basic ***"`},
		{"", `{"authorization":["Token abc","xyz"]}`, `{"authorization":["Token ***","***"]}`},
		{"", `{"Authorization":"Digest username=\"a\", b=\"c\""}`, `{"Authorization":"Digest ***"}`},
		{"", `{"secretAccessKey":"x","secret_key":7}`, `{"secretAccessKey":"***","secret_key":"***"}`},
		{
			"", `{"key":"-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n"}`,
			`{"key":"-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----\n"}`,
		},
		{"", `{"u":"postgres:\/\/a:b@c"}`, `{"u":"postgres://a:***@c"}`},
		{"", `{"body":"{\"user\":\"x\\u0040y.de\",\"password\":{\"a\":\"b\"}}"}`, `{"body":"{\"user\":\"***\",\"password\":{\"a\":\"***\"}}"}`},
		{"", `{"body":"{\"b\":\"{\\\"token\\\":[\\\"x\\\"]}\"}"}`, `{"body":"{\"b\":\"{\\\"token\\\":[\\\"***\\\"]}\"}"}`},
		{"", `{"msg":"password=\"a b\" c"}`, `{"msg":"password=\"***\" c"}`},
		{"", `{"a":"` + "\xff" + `","b":"` + "\xfe" + `x@y.de"}`, `{"a":"` + "\xff" + `","b":"` + "\xfe" + `***"}`},
		{"", `{}`, ""},
		{"", `12`, ""},
		{"", `{"level":"info","n":[1.5e-3,true,null],"msg":"all is well \u00e9"}`, ""},
		{"", strings.Repeat("[", 9_999) + `"x@y.de"` + strings.Repeat("]", 9_999), strings.Repeat("[", 9_999) + `"***"` + strings.Repeat("]", 9_999)},
		{"", strings.Repeat("[", 10_001) + `"x@y.de"` + strings.Repeat("]", 10_001), `"` + strings.Repeat("[", 10_001) + `\"***\"` + strings.Repeat("]", 10_001) + `"`},
		{"", `{"a":"x@y.de"`, `"{\"a\":\"***\""`}, // no JSON
		{"", `{"a":"b"`, ""},
		{"", `x@y.de`, `"***"`},
	} {
		if c.want == "" {
			c.want = c.in
		}
		r := newRedactor(t, all...)
		if got := value(t, r, c.name, c.in); got != c.want {
			t.Errorf("%s %s\nis   %s\nwant %s", c.name, c.in, got, c.want)
		}
		if c.name != "" || !json.Valid([]byte(c.in)) || strings.TrimLeft(c.in, " {[") == strings.TrimLeft(c.in, " ") || len(c.in) > 20_000 {
			continue
		}
		if got := text(t, r, c.in); got != c.want {
			t.Errorf("as text: %s\nis   %s\nwant %s", c.in, got, c.want)
		}
	}
}

// What is written as JSON is what an operator sees, and writes patterns for.
func TestPatternsAcrossJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, with, in, want, wantText string }{
		{`"ssn":"(?<n>\d+)"`, "***", `{"ssn":"123","n":123}`, `{"ssn":"***","n":123}`, ""},
		{`"ssn":"(?<n>\d+)"`, `"\`, `{"ssn":"123"}`, `{"ssn":"\"\\"}`, ""},
		{`"ssn":\s*(?<n>\d+)`, "***", `{"ssn": 123,"n":123}`, `{"ssn": "***","n":123}`, `{"ssn": ***,"n":123}`},
		{`"ssn":"(\d+)"`, "***", `{"ssn":"123","n":123}`, `"{***,\"n\":123}"`, `{***,"n":123}`},
		{`"ssn":.*`, "***", `{"ssn": 123,"n":123}`, `"{***"`, `{***`},
		{`\d+`, "***", `{"a":"\u00e9 7","b":8}`, `{"a":"é ***","b":"***"}`, ""},
		{`^\d+$`, "x", `{"a":"7","b":"a 8","c":9}`, `{"a":"x","b":"a 8","c":"x"}`, ""},
		{`hunter2`, "x", `{"a":"hunter\u0032","hunter2":1}`, `{"a":"x","x":1}`, ""},
		{`"b"`, "x", `{"a":"b"}`, `{"a":"x"}`, `{"a":x}`},
		{`"b":"c"`, "", `{"a":1,"b":"c"}`, `"{\"a\":1,}"`, `{"a":1,}`},
	} {
		if c.wantText == "" {
			c.wantText = c.want
		}
		r := newRedactor(t, config.Redaction{Pattern: c.pattern, With: c.with})
		if got := value(t, r, "", c.in); got != c.want {
			t.Errorf("%s: %s\nis   %s\nwant %s", c.pattern, c.in, got, c.want)
		}
		if got := text(t, r, c.in); got != c.wantText {
			t.Errorf("%s: as text: %s\nis   %s\nwant %s", c.pattern, c.in, got, c.wantText)
		}
	}
	r := newRedactor(t, config.Redaction{Pattern: `"ssn":(?<n>\d+)`, HMAC: true})
	want := `{"ssn":"` + text(t, newRedactor(t, config.Redaction{Pattern: ".+", HMAC: true}), "123") + `"}`
	if got := value(t, r, "", `{"ssn":123}`); got != want {
		t.Errorf("by HMAC: %s, want %s", got, want)
	}
}

// FuzzJSON holds that what is JSON stays so, whatever is redacted, that text which is
// JSON is redacted like it, and that doing it again changes nothing.
func FuzzJSON(f *testing.F) {
	for _, in := range []string{
		jsonLine, `{"a":"x\u0040y.de","password":{"b":[1,"\ud83d\ude00"]},"c":-1.5E+3}`, `"{\"token\":\"x\"}"`, `[4111111111111111]`,
		`{"a":"\ud800","b":"\\\"@"}`, "[\"\xff\"]", `{"":{"":[]}}`, `{"a":"b" "c"}`, `[1,]`, `[01]`, `{"secret":["]"]}`,
	} {
		f.Add(in)
	}
	patterns := []config.Redaction{{Pattern: `"[a-z]+":(?<n>\d+)`, With: "***"}, {Pattern: `b.`, With: `"`}, {Pattern: `(?i)secret":`, With: ""}}
	f.Fuzz(func(t *testing.T, in string) {
		all := newRedactor(t, preset(config.RedactPresets...)...)
		valid := json.Valid([]byte(in))
		once := value(t, all, "name", in)
		if (valid || once != in) && !json.Valid([]byte(once)) {
			t.Errorf("%q is no JSON: %q", in, once)
		}
		if twice := value(t, all, "name", once); valid && twice != once {
			t.Errorf("%q once more is %q", once, twice)
		}
		trimmed := strings.TrimLeft(in, " \t\r\n")
		if valid && trimmed != "" && (trimmed[0] == '{' || trimmed[0] == '[') {
			if got := text(t, all, in); got != once {
				t.Errorf("%q is %q as JSON, %q as text", in, once, got)
			}
		}
		text(t, all, in)
		across := newRedactor(t, patterns...)
		text(t, across, in)
		if got := value(t, across, "token", in); valid && !json.Valid([]byte(got)) {
			t.Errorf("%q is no JSON: %q", in, got)
		}
	})
}
