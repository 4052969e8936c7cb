package parse

import (
	"strings"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// Pairs goes through the pairs of a line of logfmt, as github.com/kr/logfmt and
// github.com/go-logfmt/logfmt read it: key=value with white space between. Values with
// spaces stand in quotes, in which a backslash escapes; one that is never closed reaches
// to the end. Values may be empty. Less strict than they are, it passes over what is no
// pair, and a value without quotes may have any character but white space. A key without
// an equals sign says nothing, and is passed over too: words around the pairs would each
// become a field.
//
//	pairs := NewPairs(list, text)
//	for pairs.Next() {
//		use(pairs.Key, pairs.Value)
//	}
type Pairs struct {
	// Key and Value are those that Next found, without quotes and escapes. They alias the
	// text, or the memory of the list.
	Key, Value string
	// Quoted says that the value stood in quotes.
	Quoted bool

	list *fields.List
	text string
	at   int

	// What was found so far: pairs as programs write them, measurements among them, and
	// everything else.
	plain, metrics, others int
}

// NewPairs is ready to go through a text. Values with escapes are kept in the memory of
// the list; nothing is added to it.
func NewPairs(list *fields.List, text string) Pairs { return Pairs{list: list, text: text} }

// What a byte may stand for in a key.
const (
	inKey   = 1 << iota // anything but white space, a quote and an equals sign
	inName              // what names are made of
	atStart             // what they begin with
)

var classes = func() (table [256]byte) {
	for c := range 256 {
		if c > ' ' && c != '"' && c != '=' {
			table[c] = inKey
		}
	}
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_@" {
		table[c] |= inName | atStart
	}
	for _, c := range "0123456789.-/#:" {
		table[c] |= inName
	}
	return table
}()

// Next finds the next pair.
func (p *Pairs) Next() bool {
	text, i := p.text, p.at
	for {
		for i < len(text) && text[i] <= ' ' {
			i++
		}
		begin, class := i, byte(inName)
		for i < len(text) && classes[text[i]]&inKey != 0 {
			class &= classes[text[i]]
			i++
		}
		switch {
		case i == begin && i == len(text):
			p.at = i
			return false
		case i < len(text) && text[i] == '=':
			p.Key = text[begin:i]
			i = p.value(i + 1)
			if p.Key != "" {
				p.at = i
				p.count(class)
				return true
			}
		case i == begin: // a quote
			i = wordEnd(text, QuoteEnd(text, i+1)+1)
		default:
			i = wordEnd(text, i)
		}
		p.others++
	}
}

// count counts a pair whose key's bytes all have the class. A value that goes on with an
// equals sign or ends in a comma is of a program's source, or of what it printed of an
// object.
func (p *Pairs) count(class byte) {
	n := len(p.Value)
	odd := !p.Quoted && n > 0 && (p.Value[0] == '=' || p.Value[n-1] == ',' || p.Value[n-1] == ';')
	if class&inName != 0 && classes[p.Key[0]]&atStart != 0 && !odd {
		p.plain++
	} else {
		p.others++
	}
}

// value takes the value that begins at i and returns where the next pair may begin.
func (p *Pairs) value(i int) int {
	begin := i
	if p.Quoted = i < len(p.text) && p.text[i] == '"'; !p.Quoted {
		i = wordEnd(p.text, i)
		p.Value = p.text[begin:i]
		return i
	}
	end := QuoteEnd(p.text, begin+1)
	p.Value = p.text[begin+1 : end]
	if strings.IndexByte(p.Value, '\\') >= 0 {
		p.Value = unescape(p.list, p.Value)
	}
	if i = wordEnd(p.text, end+1); i > end+1 {
		p.others++
	}
	return i
}

// wordEnd is the position of the next white space from i on, or the end of the text.
func wordEnd(text string, i int) int {
	for i < len(text) && text[i] > ' ' {
		i++
	}
	return min(i, len(text))
}

// QuoteEnd is the position of the next quote from i on without a backslash that escapes
// it, or the end of the text. It takes the time of what it passes over, whatever that is.
func QuoteEnd(text string, i int) int {
	for i < len(text) {
		n := strings.IndexByte(text[i:], '"')
		if n < 0 {
			break
		}
		if !endsEscaping(text[i : i+n]) {
			return i + n
		}
		i += n + 1
	}
	return len(text)
}

// endsEscaping says whether the backslashes that a text ends with escape what follows it.
func endsEscaping(text string) bool {
	n := len(text)
	for n > 0 && text[n-1] == '\\' {
		n--
	}
	return (len(text)-n)%2 == 1
}

// Add adds the pair to the list. A value in quotes is a text, any other has the type that
// it looks like. Where the key has a prefix of l2met (sample#, measure#, count#) and the
// value is a number, it is a measurement without the prefix, in milliseconds, bytes, or
// what the line says.
func (p *Pairs) Add() *fields.Field {
	f := p.list.Append()
	name, ok := metricName(p.Key)
	switch {
	case ok && measure(p.list, p.Value, &f.Value):
		f.Name, f.Metric = name, true
		p.metrics++
	case p.Quoted:
		f.Name, f.Value.Text = p.Key, p.Value
	default:
		f.Name = p.Key
		setTyped(&f.Value, p.Value)
	}
	return f
}

// metricName cuts l2met's prefix off a key.
func metricName(key string) (name string, ok bool) {
	var prefix string
	switch key[0] {
	case 's':
		prefix = "sample#"
	case 'm':
		prefix = "measure#"
	case 'c':
		prefix = "count#"
	default:
		return "", false
	}
	name, ok = strings.CutPrefix(key, prefix)
	return name, ok && name != ""
}

// Believable says whether what Next and Add found so far was written as logfmt: two
// pairs, or one measurement, and more of them than of anything else. Prose with a pair or
// two in it is not, and neither are source code and addresses with a query.
func (p *Pairs) Believable() bool {
	return p.plain > p.others && (p.plain > 1 || p.metrics > 0)
}
