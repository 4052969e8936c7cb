package redact_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/redact"
)

const key = "0123456789abcdef"

func newRedactor(tb rapid.TB, list ...config.Redaction) *redact.Redactor {
	tb.Helper()
	r, err := redact.New(list, []byte(key))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// preset has the names of presets, with *** for what they find.
func preset(names ...string) []config.Redaction {
	var list []config.Redaction
	for _, name := range names {
		list = append(list, config.Redaction{Preset: name, With: "***"})
	}
	return list
}

// text is the text redacted, and the same if there is nothing to replace. What stands in
// dst before is held to stay.
func text(tb rapid.TB, r *redact.Redactor, in string) string {
	tb.Helper()
	out, changed := r.AppendText([]byte("before"), []byte(in))
	return outcome(tb, in, out, changed)
}

// value is text for JSON.
func value(tb rapid.TB, r *redact.Redactor, name, in string) string {
	tb.Helper()
	out, changed := r.AppendJSON([]byte("before"), name, []byte(in))
	return outcome(tb, in, out, changed)
}

func outcome(tb rapid.TB, in string, out []byte, changed bool) string {
	tb.Helper()
	rest, ok := bytes.CutPrefix(out, []byte("before"))
	switch {
	case !ok:
		tb.Errorf("%q: what was there before is not: %q", in, out)
	case !changed && len(rest) > 0:
		tb.Errorf("%q: %q appended and nothing replaced", in, rest)
	case !changed:
		return in
	}
	return string(rest)
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		redaction config.Redaction
		want      string
	}{
		{config.Redaction{}, `redaction 1: preset "" and pattern "": give one of them`},
		{config.Redaction{Preset: "jwt", Pattern: "x"}, `redaction 1: preset "jwt" and pattern "x": give one of them`},
		{config.Redaction{Preset: "jwts"}, `redaction 1: preset "jwts": must be one of aws_key, bearer,`},
		{config.Redaction{Pattern: "a("}, "redaction 1: pattern \"a(\": error parsing regexp: missing closing )"},
		{config.Redaction{Preset: "jwt", HMAC: true}, "redaction 1: hmac needs a key: set redaction.key"},
	} {
		_, err := redact.New([]config.Redaction{c.redaction}, nil)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.redaction, err, c.want)
		}
	}
}

func TestEveryPresetOfTheConfigurationIsThere(t *testing.T) {
	t.Parallel()
	newRedactor(t, preset(config.RedactPresets...)...)
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, with, in, want string }{
		{"hunter2", "***", "a hunter2 b hunter2", "a *** b ***"},
		{"hunter2", "", "a hunter2 b", "a  b"},
		{"hunter2", "***", "a Hunter2 b", "a Hunter2 b"},
		{`\(x\)`, "y", "(x) x", "y x"},
		{`sk_live_\w+`, "***", "key sk_live_4eC39 and sk_test_1", "key *** and sk_test_1"},
		{`sk_(?:live|test)_\w+`, "***", "key sk_live_4eC39 and sk_test_1", "key *** and ***"},
		{`(sk|rk)_(live|test)_[0-9A-Za-z]+`, "***", "key sk_live_51H8 and rk_test_1", "key *** and ***"},
		{`(sk|rk)_(live|test)_(?P<key>\w+)`, "***", "key sk_live_4eC39 and sk_test_1", "key sk_live_*** and sk_test_***"},
		{`(?i)ssn[ =](?<a>\d{3})-(?<b>\d\d)-(?<a2>\d{4})`, "x", "SSN=123-45-6789", "SSN=x-x-x"},
		{`(?i)KSK(?<n>\d+)`, "x", "ksk1 \u212aſ\u212a2", "kskx \u212aſ\u212ax"},
		{`a(?<bc>(?<b>b)c)`, "x", "abc", "ax"},
		{`(?<x>a)|(b)`, "x", "ab", "xb"},
		{`(?<x>a)|(?<y>b)`, "x", "ab", "xx"},
		{`(?:(?<x>a)|(?<y>b))+`, "x", "ba", "xx"},
		{`id=(?<n>\d+)?`, "x", "id= id=7", "id= id=x"},
		{`^\w+`, "x", "one two", "x two"},
		{`\bcat\b`, "x", "cat concat cat", "x concat x"},
		{`x*`, "y", "aaa", "aaa"},
		{`[0-9]+$`, "n", "1 22", "1 n"},
		{"\ufffd", "x", "a\xffb\ufffd", "axbx"},
		{"a\\x00b", "x", "a\x00b", "x"},
		{`foo|bar`, "x", "food bar", "xd x"},
	} {
		r := newRedactor(t, config.Redaction{Pattern: c.pattern, With: c.with})
		if got := text(t, r, c.in); got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.pattern, c.in, got, c.want)
		}
	}
}

func TestRedactionsFollowEachOther(t *testing.T) {
	t.Parallel()
	r := newRedactor(t,
		config.Redaction{Pattern: "one", With: "two"},
		config.Redaction{Pattern: "two", With: "three"},
		config.Redaction{Preset: "ipv4", With: "address"},
		config.Redaction{Preset: "email", With: "<one>"},
		config.Redaction{Pattern: "th", With: ""},
	)
	for in, want := range map[string]string{
		"one and two":           "ree and ree",
		"a@example.org":         "<one>", // patterns are applied once
		"a@example.org10.0.0.1": "<one>address",
	} {
		if got := text(t, r, in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestHMAC(t *testing.T) {
	t.Parallel()
	const digest = "hmac:bc55b6f5fdc8ddc1" // printf alice@example.org | openssl dgst -sha256 -hmac 0123456789abcdef
	email := newRedactor(t, config.Redaction{Preset: "email", HMAC: true})
	for in, want := range map[string]string{
		"from alice@example.org to alice@example.org": "from " + digest + " to " + digest,
		`{"user": "alice\u0040example.org"}`:          `{"user": "` + digest + `"}`,
		digest:                                        digest,
		"alice@example.org@example.org":               "hmac:841489a64f4067a9",
		"hmac:deadbeefdeadbeef@example.org":           "hmac:hmac:57f77df211a1949f",
	} {
		if got := text(t, email, in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	for _, r := range []config.Redaction{{Preset: "password", HMAC: true}, {Preset: "query_values", HMAC: true}, {Pattern: `\S+@\S+`, HMAC: true}} {
		in, want := "?token=alice@example.org", "?token="+digest
		if r.Pattern != "" {
			in, want = "alice@example.org", digest
		}
		if got := text(t, newRedactor(t, r), in); got != want {
			t.Errorf("%+v: %q is %q, want %q", r, in, got, want)
		}
	}
	other, err := redact.New([]config.Redaction{{Preset: "email", HMAC: true}}, []byte("another key"))
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, other, "alice@example.org"); got == digest || len(got) != len(digest) {
		t.Errorf("with another key: %q", got)
	}
}

//nolint:paralleltest // AllocsPerRun counts what the whole process allocates.
func TestLinesWithoutSecretsAllocateNothing(t *testing.T) {
	list := preset(config.RedactPresets...)
	list = append(list, config.Redaction{Pattern: "hunter2"}, config.Redaction{Pattern: `sk_live_\w+`}, config.Redaction{Pattern: `(?i)session_id=(\w+)`})
	r := newRedactor(t, list...)
	dst := make([]byte, 0, 1024)
	for _, line := range []string{routerLine, appLine, jsonLine, strings.ReplaceAll(jsonLine, "payment", "a\\u0062c"), "{} [", "", "\x1b[36mINFO\x1b[0m all is well"} {
		in := []byte(line)
		allocs := testing.AllocsPerRun(100, func() {
			out, changed := r.AppendText(dst, in)
			if changed {
				t.Fatalf("%s is %s", line, out)
			}
		})
		if allocs > 0 {
			t.Errorf("%v allocations for %s", allocs, line)
		}
	}
}

//nolint:paralleltest // as above
func TestSecretsAllocateOnlyWhatTheyTake(t *testing.T) {
	r := newRedactor(t, preset("email", "password", "bearer", "url_password", "jwt", "credit_card", "ipv4", "query_values")...)
	dst := make([]byte, 0, 4096)
	in := []byte(`{"a":"x@example.org","b":"\u0040 postgres://u:p@h/?a=1","token":[1,2],"c":"4111 1111 1111 1111 10.0.0.1"}`)
	allocs := testing.AllocsPerRun(100, func() {
		if _, changed := r.AppendText(dst, in); !changed {
			t.Fatal("nothing replaced")
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

const (
	routerLine = `at=info method=GET path="/products/1234/reviews/list" host=shop.example.com ` +
		`request_id=9d5ccbc5-4b5e-4c1a-b3c5-2f1d8a3c9e10 fwd="" dyno=web.12 connect=0ms service=23ms status=200 bytes=1043 protocol=https`
	appLine = `2026-03-01T12:34:56.789Z INFO  [http-nio-8080-exec-3] c.e.shop.CheckoutController : Order 10023 of customer 8812 ` +
		`was placed, total 129.95 EUR, 3 items, took 187 ms (cache hit ratio 0.93)`
	jsonLine = `{"time":"2026-03-01T12:34:56.789Z","level":"info","logger":"checkout","msg":"order placed","order":{"id":10023,` +
		`"total":129.95,"items":[1,2,3]},"customer":8812,"payment":"ok","ms":187,"cached":true}`
)
