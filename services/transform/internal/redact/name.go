package redact

// topic is a kind of names whose values are secret.
type topic uint8

const (
	passwordNames topic = iota
	authorizationNames
	awsNames
	herokuNames
	topics
)

// name says that what is given under a name that ends with a word is secret.
type name struct {
	// word is lower case. Between its letters a name may have _, -, and blanks.
	word string
	// whole has the word begin at the name, after what is no letter, or with a capital.
	whole bool
	// fits says which values are secret, nil for all.
	fits func(value []byte) bool
	// counted has a number under the name be a count, and no secret.
	counted bool
	// scheme has the value begin with the scheme of an Authorization header, which is kept.
	scheme bool
}

// maxFitting is how much is looked at of a value that has to fit.
const maxFitting = 128

// vocabulary has names by the last letters of their words, the ones that are more
// particular first.
type vocabulary struct {
	names [26][]name
	// pairs has by the last letter a bit for each letter before it.
	pairs [26]uint32
	// all is a word that every name has, if there is one, without anything in it.
	all *folded
}

var vocabularies = [topics]*vocabulary{
	passwordNames: newVocabulary(
		name{word: "password"}, name{word: "passwd"}, name{word: "pwd"}, name{word: "pass", whole: true},
		name{word: "passphrase"}, name{word: "passcode"}, name{word: "secret"}, name{word: "secretkeybase"},
		name{word: "passwordconfirmation"}, name{word: "passworddigest"}, name{word: "passwordhash"},
		name{word: "token"}, name{word: "credential"}, name{word: "credentials"},
		name{word: "passwords", counted: true}, name{word: "passwds", counted: true}, name{word: "pwds", counted: true},
		name{word: "passphrases", counted: true}, name{word: "passcodes", counted: true},
		name{word: "secrets", counted: true}, name{word: "tokens", counted: true},
		name{word: "apikeys", counted: true}, name{word: "accesskeys", counted: true}, name{word: "accountkeys", counted: true},
		name{word: "authkeys", counted: true}, name{word: "encryptionkeys", counted: true}, name{word: "masterkeys", counted: true},
		name{word: "privatekeys", counted: true}, name{word: "secretkeys", counted: true}, name{word: "signingkeys", counted: true},
		name{word: "apikey"}, name{word: "accesskey"}, name{word: "accountkey"}, name{word: "authkey"},
		name{word: "encryptionkey"}, name{word: "masterkey"}, name{word: "privatekey"}, name{word: "secretkey"},
		name{word: "signingkey"},
	),
	authorizationNames: newVocabulary(name{word: "authorization", scheme: true}),
	awsNames: newVocabulary(
		name{word: "secretaccesskey"}, name{word: "awssecretkey"}, name{word: "secretkey", fits: isAWSSecret},
		name{word: "awssecret"}, name{word: "awssessiontoken"}, name{word: "amzsecuritytoken"},
		name{word: "sessiontoken", fits: isAWSToken},
	),
	herokuNames: newVocabulary(
		name{word: "herokuapikey"}, name{word: "herokukey"}, name{word: "herokuapitoken"}, name{word: "herokutoken"},
		name{word: "herokuauthtoken"}, name{word: "apikey", fits: isUUID}, name{word: "apitoken", fits: isUUID},
		name{word: "accesstoken", fits: isUUID}, name{word: "authtoken", fits: isUUID},
		name{word: "authorization", fits: isUUID, scheme: true},
	),
}

func newVocabulary(names ...name) *vocabulary {
	v := &vocabulary{}
	for _, n := range names {
		last, before := n.word[len(n.word)-1]-'a', n.word[len(n.word)-2]-'a'
		v.names[last] = append(v.names[last], n)
		v.pairs[last] |= 1 << before
	}
	if len(names) == 1 {
		v.all = newFolded(names[0].word)
	}
	return v
}

// find returns what the vocabulary has of a name, which ends where the text does and
// begins anywhere; nil for nothing.
func (v *vocabulary) find(text []byte) *name {
	end := len(text)
	for end > 0 && isDigit(text[end-1]) { // password2
		end--
	}
	if end == 0 || !isLetter(text[end-1]) {
		return nil
	}
	if end == 1 {
		return nil
	}
	before := text[end-2]
	joined := isJoiner(before)
	list := v.names[text[end-1]|0x20-'a']
	for i := range list {
		n := &list[i]
		if (before|0x20 == n.word[len(n.word)-2] || joined) && n.ends(text[:end]) {
			return n
		}
	}
	return nil
}

// ends says whether the text ends with the name.
func (n *name) ends(text []byte) bool {
	i := len(text)
	for j := len(n.word) - 1; j >= 0; j-- {
		if j < len(n.word)-1 {
			for i > 0 && isJoiner(text[i-1]) {
				i--
			}
		}
		if i == 0 || text[i-1]|0x20 != n.word[j] {
			return false
		}
		i--
	}
	return !n.whole || i == 0 || !isLetter(text[i-1]) || text[i] < 'a' && text[i-1] >= 'a'
}

// isJoiner says whether c joins the words of a name.
func isJoiner(c byte) bool { return c == '_' || c == '-' || c == ' ' }

// mentioned says whether a name is given a value anywhere.
func (v *vocabulary) mentioned(text []byte) bool {
	if v.all != nil && v.all.index(text, 0) < 0 {
		return false
	}
	for i := v.nextNamed(text, 0); i < len(text); {
		if n, _ := v.before(text[:i]); n != nil {
			return true
		}
		i = v.nextNamed(text, i+1)
	}
	return false
}

// nextNamed is where the next separator is, at or after i, that may have a name before it;
// len(text) for nowhere.
func (v *vocabulary) nextNamed(text []byte, i int) int {
	i = nextSeparator(text, i)
	for i < len(text) && v.hasNone(text[:i]) {
		i = nextSeparator(text, i+1)
	}
	return i
}

// hasNone says whether the last two letters of a name are those of none in the vocabulary.
func (v *vocabulary) hasNone(text []byte) bool {
	n := len(text)
	if n < 2 {
		return true
	}
	last, before := text[n-1]|0x20-'a', text[n-2]|0x20-'a'
	return last < 26 && before < 26 && v.pairs[last]>>before&1 == 0
}

// before returns what the vocabulary has of the name at the end of the text, which a
// separator follows, and whether the name stands in quotes.
func (v *vocabulary) before(text []byte) (n *name, quoted bool) {
	end := len(text)
	for end > 0 && (text[end-1] == ' ' || text[end-1] == '\t') {
		end--
	}
	if end > 0 && isLetter(text[end-1]) && !escapeEnds(text[:end]) { // nearly all are
		return v.find(text[:end]), false
	}
	otherLine := false
	for end > 0 && isJSONSpace(text[end-1]) {
		end, otherLine = end-1, true
	}
	for end > 0 && (text[end-1] == ']' || text[end-1] == '[') { // user[password], password[]
		end--
	}
	if hasEscapedEnd(text[:end], "%5d") || hasEscapedEnd(text[:end], "%22") || hasEscapedEnd(text[:end], "%27") {
		end -= escapeWidth
	}
	if end > 0 && isQuote(text[end-1]) {
		end, quoted = end-1, true
		end -= backslashes(text[:end])
	}
	if otherLine && !quoted { // only names of JSON may be on another line
		return nil, false
	}
	return v.find(text[:end]), quoted
}

// hasEscapedEnd says whether the text ends with an escape of a URL, given in lower case.
func hasEscapedEnd(text []byte, escape string) bool {
	n := len(text) - len(escape)
	return n >= 0 && text[n] == '%' && equalFold(text[n:], escape)
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

// scanNames finds the values of secret names.
func scanNames(e *edit, v *vocabulary) {
	text := e.text
	if v.all != nil && v.all.index(text, 0) < 0 {
		return
	}
	floor := 0
	for {
		i := v.nextNamed(text, floor)
		if i >= len(text) {
			return
		}
		n, quoted := v.before(text[floor:i])
		sep := separator{at: i, width: separatorWidth(text, i), named: quoted}
		floor = i + sep.width
		if n == nil {
			continue
		}
		if n.fits != nil {
			begin, end := n.value(text[:min(len(text), floor+maxFitting)], sep)
			if begin == end || !n.fits(text[begin:end]) {
				continue
			}
		}
		if begin, end := n.value(text, sep); begin < end {
			e.replace(begin, end)
			floor = end
		}
	}
}

// value is where the secret in the value behind a separator is; empty for none.
func (n *name) value(text []byte, sep separator) (begin, end int) {
	begin, end, quoted := valueBehind(text, sep, n.fits == nil)
	if n.counted && isCount(text[begin:end]) {
		return begin, begin
	}
	if !n.scheme || begin == end {
		return begin, end
	}
	return credential(text, begin, end, quoted)
}

// scanWhole takes all of the text as the value of the name.
func (n *name) scanWhole(e *edit) {
	begin, end := 0, len(e.text)
	if n.scheme {
		begin, end = credential(e.text, begin, end, true)
	}
	switch {
	case n.fits != nil && !n.fits(e.text[begin:end]):
	case n.counted && isCount(e.text[begin:end]):
	default:
		e.replace(begin, end)
	}
}
