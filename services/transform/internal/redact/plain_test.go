package redact_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/config"
)

// plain are the presets on regular expressions: slow, and easy to believe. Each finds the
// first secret at or after i.
var plain = map[string]func(in string, i int) (begin, end, next int){
	"aws_key":      words(`^A[KS]IA[A-Z0-9]{16}`, endsWord),
	"email":        plainEmail,
	"credit_card":  plainCard,
	"heroku_token": words(`^HRKU-[\w-]{20,}`, func(string, int) bool { return true }),
	"ipv4":         plainIPv4,
	"jwt":          anywhere(`eyJ[\w-]+\.[\w-]*\.[\w-]*(?:\.[\w-]*\.[\w-]+)?`),
	"password":     plainPassword,
	"url_password": plainURLPassword,
}

// plainly redacts a text.
func plainly(preset, in string) string {
	var out strings.Builder
	done := 0
	for i := 0; i <= len(in); {
		begin, end, next := plain[preset](in, i)
		if begin < 0 {
			break
		}
		out.WriteString(in[done:begin] + "***")
		done = end
		i = next
	}
	return out.String() + in[done:]
}

func anywhere(pattern string) func(string, int) (int, int, int) {
	re := regexp.MustCompile(pattern)
	return func(in string, i int) (begin, end, next int) {
		if at := re.FindStringIndex(in[i:]); at != nil {
			return i + at[0], i + at[1], i + at[1]
		}
		return -1, 0, 0
	}
}

var (
	wordBefore = regexp.MustCompile(`(?:^|\W|\\[nrt]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4})$`)
	wordAfter  = regexp.MustCompile(`^(?:\W|$)`)
	decimal    = regexp.MustCompile(`^\.[0-9]`)
)

func endsWord(in string, end int) bool { return wordAfter.MatchString(in[end:]) }

func endsNumber(in string, end int) bool { return endsWord(in, end) && !decimal.MatchString(in[end:]) }

func words(pattern string, ends func(in string, end int) bool) func(string, int) (int, int, int) {
	re := regexp.MustCompile(pattern)
	return func(in string, i int) (begin, end, next int) {
		for ; i < len(in); i++ {
			m := re.FindString(in[i:])
			if m != "" && wordBefore.MatchString(in[:i]) && ends(in, i+len(m)) {
				return i, i + len(m), i + len(m)
			}
		}
		return -1, 0, 0
	}
}

var (
	address = anywhere(`[\p{L}\p{N}._%+-]+?(?:@|%40)(?:[\p{L}\p{N}-]+\.)+\p{L}{2,}`)
	retina  = regexp.MustCompile(`(?:@|%40)[0-9]x\.[^@]*$`)
	more    = regexp.MustCompile(`^(?:(?:@|%40)(?:[\p{L}\p{N}-]+\.)+\p{L}{2,})*`)
)

func plainEmail(in string, i int) (begin, end, next int) {
	for {
		begin, end, next = address(in, i)
		if begin < 0 || !retina.MatchString(in[begin:end]) {
			if begin >= 0 {
				end += len(more.FindString(in[end:]))
			}
			return begin, end, end
		}
		i = next
	}
}

var (
	octets     = regexp.MustCompile(`^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|[^.\d]|$)){4}`)
	dotted     = regexp.MustCompile(`^\d+(?:\.\d+){3}`)
	partBefore = regexp.MustCompile(`\w\.$`)
	product    = regexp.MustCompile(`[A-Za-z]/$`)
	escape     = regexp.MustCompile(`^(?:%\d\d|.%[0-9A-Fa-f]\d)\d`)
)

// isEscape says whether the digits at i are of an escape of a URL, and others follow.
func isEscape(in string, i int) bool {
	before := "  " + in[:i]
	return escape.MatchString(before[len(before)-1:]+in[i:]) || escape.MatchString("."+before[len(before)-2:]+in[i:])
}

func plainIPv4(in string, i int) (begin, end, next int) {
	for ; i < len(in); i++ {
		m := dotted.FindString(in[i:])
		switch {
		case m == "" || !octets.MatchString(m+" ") || !endsNumber(in, i+len(m)):
		case !wordBefore.MatchString(in[:i]) || partBefore.MatchString(in[:i]):
		case isEscape(in, i): // %20 and an address
		case product.MatchString(in[:i]) && strings.HasSuffix(m, ".0.0.0"):
		default:
			return i, i + len(m), i + len(m)
		}
	}
	return -1, 0, 0
}

var (
	cardForm  = regexp.MustCompile(`^(?:\d{13,19}|\d{4}(?:-\d{3,6})+|\d{4}(?: \d{3,6})+)$`)
	cardBrand = regexp.MustCompile(`^(?:4(?:.{12}|.{15}|.{18})|5[1-5].{14}|(?:222[1-9]|22[3-9]|2[3-6]|27[01]|2720).*|3[47].{13}` +
		`|(?:30[0-5]|3095|36|3[89]).{10,}|35(?:2[89]|[3-8]).*|(?:6011|62|64[4-9]|65|220[0-4]|8[12]).{10,}|(?:50|5[6-8]).*|6.*)$`)
	sixteen   = regexp.MustCompile(`^(?:222[1-9]|22[3-9]|2[3-6]|27[01]|2720)`)
	least16   = regexp.MustCompile(`^(?:35|6011|62|64[4-9]|65|220[0-4]|8[12])`)
	least14   = regexp.MustCompile(`^3[0689]`)
	fraction  = regexp.MustCompile(`\d\.$`)
	zeros     = regexp.MustCompile(`^\.0+`)
	notDigits = regexp.MustCompile(`\D`)
)

func plainCard(in string, i int) (begin, end, next int) {
	for ; i < len(in); i++ {
		if !unicode.IsDigit(rune(in[i])) || !wordBefore.MatchString(in[:i]) || fraction.MatchString(in[:i]) ||
			isEscape(in, i) {
			continue
		}
		for end := min(len(in), i+30); end > i; end-- {
			if cardForm.MatchString(in[i:end]) && endsNumber(in, end+len(zeros.FindString(in[end:]))) && plainIsCard(notDigits.ReplaceAllString(in[i:end], "")) {
				return i, end, end
			}
		}
	}
	return -1, 0, 0
}

func plainIsCard(digits string) bool {
	n := len(digits)
	switch {
	case n < 13 || n > 19 || !cardBrand.MatchString(digits):
		return false
	case sixteen.MatchString(digits) && n != 16, least16.MatchString(digits) && n < 16, least14.MatchString(digits) && n < 14:
		return false
	}
	sum := 0
	for i, double := n-1, false; i >= 0; i, double = i-1, !double {
		d := int(digits[i] - '0')
		if double {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return sum%10 == 0
}

var (
	userInfo  = regexp.MustCompile("^([^\\x00-\\x20/?#\"'<>`\\\\@\\[:]*):")
	authority = regexp.MustCompile("^[^\\x00-\\x20/?#\"'<>`\\\\]*")
	port      = regexp.MustCompile(`^[0-9]*$`)
	nextURL   = regexp.MustCompile(`[\x00-\x20"]|://`)
	nextQuote = regexp.MustCompile("[\\x00-\\x20\"'<>`\\\\]|://")
	pathAfter = regexp.MustCompile(`^[/?#]`)
	httpHost  = regexp.MustCompile(`(?i:http|https|ws|wss)://(?:[^:]*\.[^:]*|localhost):$`)
)

func plainURLPassword(in string, i int) (begin, end, next int) {
	for {
		at := strings.Index(in[i:], "://")
		if at < 0 {
			return -1, 0, 0
		}
		i += at + 3
		user := userInfo.FindString(in[i:])
		if user == "" {
			continue
		}
		begin := i + len(user)
		rest := authority.FindString(in[begin:])
		if !strings.Contains(rest, "@") {
			longer, nextStop := in[begin+len(rest):], nextURL
			if port.MatchString(rest) {
				if !pathAfter.MatchString(longer) || httpHost.MatchString(in[:begin]) {
					continue
				}
				nextStop = nextQuote
			}
			if stop := nextStop.FindStringIndex(longer); stop != nil {
				longer = longer[:stop[0]]
			}
			rest += longer
		}
		switch end := strings.LastIndex(rest, "@"); {
		case end < 0:
		case end > 0 && rest[:end] != "x-oauth-basic":
			return begin, begin + end, begin + end
		case len(user) > 1:
			return i, begin - 1, begin + end
		}
	}
}

var (
	nameBefore = regexp.MustCompile(`(?i)(?:` + strings.Join([]string{
		spread("password"), spread("passwd"), spread("pwd"), spread("passphrase"), spread("passcode"), spread("secret"),
		spread("secretkeybase"), spread("passwordconfirmation"), spread("passworddigest"), spread("passwordhash"), spread("token"),
		spread("credentials") + "?", spread("credential"), spread("apikey"), spread("accesskey"), spread("accountkey"),
		spread("authkey"), spread("encryptionkey"), spread("masterkey"), spread("privatekey"), spread("secretkey"),
		spread("signingkey"), `(?:^|[^a-z])` + spread("pass"), `(?-i:[a-z]P)(?i)[_ -]*` + spread("ass"),
	}, "|") + `)[0-9]*(?:(["'])[\[\]]*[ \t\r\n]*|[\[\]]*[ \t]*)$`)
	plural = regexp.MustCompile(`(?i)(?:` + strings.Join([]string{
		spread("passwords"), spread("passwds"), spread("pwds"), spread("passphrases"), spread("passcodes"), spread("secrets"), spread("tokens"),
		`(?:` + strings.Join([]string{
			spread("api"), spread("access"), spread("account"), spread("auth"), spread("encryption"), spread("master"), spread("private"),
			spread("secret"), spread("signing"),
		}, "|") + `)[_ -]*` + spread("keys"),
	}, "|") + `)[0-9]*(?:(["'])[\[\]]*[ \t\r\n]*|[\[\]]*[ \t]*)$`)
	count      = regexp.MustCompile(`^-?[0-9.,]*[0-9]$`)
	arrow      = regexp.MustCompile(`^[=>]?[ \t]*`)
	jsonNext   = regexp.MustCompile(`^([ \t\r\n]*)[0-9"'\\{[-]`)
	round      = regexp.MustCompile(`^(?:\([ \t]*)?`)
	quoteAfter = regexp.MustCompile(`(?s)^[bBrRuU]?(?:"([^"]*)|'([^']*))`)
	bare       = regexp.MustCompile(`^[^\x00-\x20&;"\x7f]*`)
	lexeme     = regexp.MustCompile(`(?s)^(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|.)`)
	another    = regexp.MustCompile(`^(?:$|[\x00-\x20,}])`)
	closers    = regexp.MustCompile("[,)\\]}>'`]+$")
)

// spread has between the letters of a word what may stand there in a name.
func spread(word string) string { return strings.Join(strings.Split(word, ""), "[_ -]*") }

// plainPassword knows neither backslashes nor escapes of URLs.
func plainPassword(in string, i int) (begin, end, next int) {
	for {
		at := strings.IndexAny(in[i:], "=:")
		if at < 0 {
			return -1, 0, 0
		}
		before := in[i : i+at]
		name := nameBefore.FindStringSubmatch(before)
		counted := plural.FindStringSubmatch(before)
		if counted != nil {
			name = counted
		}
		separator := in[i+at]
		i += at + 1
		if name == nil || separator == '=' && strings.HasPrefix(in[i:], "=") || separator == ':' && strings.HasPrefix(in[i:], ":") {
			continue
		}
		begin, end = plainValue(in, i, separator, name[1] != "")
		if begin < end && (counted == nil || end-begin > 9 || !count.MatchString(in[begin:end])) {
			return begin, end, end
		}
	}
}

func plainValue(in string, i int, separator byte, named bool) (begin, end int) {
	j := i + len(arrow.FindString(in[i:]))
	if named {
		if next := jsonNext.FindStringSubmatch(in[j:]); next != nil {
			j += len(next[1])
		}
	}
	j += len(round.FindString(in[j:]))
	if strings.HasPrefix(in[j:], "{") || strings.HasPrefix(in[j:], "[") {
		return plainStructure(in, j)
	}
	if quoted := quoteAfter.FindStringSubmatchIndex(in[j:]); quoted != nil {
		begin, end = j+max(quoted[2], quoted[4]), j+max(quoted[3], quoted[5])
		if begin == i+1 && separator == ':' && !named && another.MatchString(in[begin:]) {
			return begin, begin
		}
		return begin, end
	}
	begin, end = j, j+len(bare.FindString(in[j:]))
	if end == len(in) || in[end] != '&' && in[end] != ';' {
		end = begin + len(closers.ReplaceAllString(in[begin:end], ""))
	}
	switch in[begin:end] {
	case "null", "true", "false":
		return begin, begin
	}
	return begin, end
}

func plainStructure(in string, i int) (begin, end int) {
	const space = " \t\r\n"
	opening, closing := in[i:i+1], string(in[i]+2)
	depth := 0
	for end = i; end < len(in); {
		next := lexeme.FindString(in[end:])
		switch next {
		case opening:
			depth++
		case closing:
			depth--
		}
		if depth == 0 {
			break
		}
		end += len(next)
	}
	inside := in[i+1 : end]
	begin = end - len(strings.TrimLeft(inside, space))
	return begin, begin + len(strings.Trim(inside, space))
}

// FuzzAgainstPlain holds the scanners to their plain versions.
func FuzzAgainstPlain(f *testing.F) {
	for _, cases := range presetCases {
		for _, c := range cases {
			f.Add(c.in)
		}
	}
	f.Add(routerLine)
	f.Add(appLine)
	f.Add(jsonLine)
	f.Fuzz(func(t *testing.T, in string) {
		const most = 200 // the plain versions take the square of it
		in = in[:min(len(in), most)]
		if strings.ContainsAny(in, `{[`) && strings.ContainsAny(in, `}]`) {
			in = "x" + in // no JSON
		}
		for name := range plain {
			compare(t, name, in)
		}
	})
}

var colour = regexp.MustCompile(`(?i)\x1b|\\(?:u001b|x1b|033|e)\[`)

func compare(tb rapid.TB, name, in string) {
	tb.Helper()
	switch name {
	case "aws_key", "heroku_token": // these go by names, too
		if strings.ContainsAny(in, "=:%") {
			return
		}
	case "password":
		if strings.ContainsAny(in, "\\%\u212aſ") { // the last two are k and s to regular expressions
			return
		}
	}
	if colour.MatchString(in) {
		return
	}
	if strings.Contains(in, "**") || strings.Contains(in, "hmac:") { // what is redacted already
		return
	}
	list := []config.Redaction{{Preset: name, With: "***"}}
	if got, want := text(tb, newRedactor(tb, list...), in), plainly(name, in); got != want {
		tb.Errorf("%s: %q\nis      %q\nplainly %q", name, in, got, want)
	}
}
