package config

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSource bounds an expression, a template or a pattern, in bytes.
const maxSource = 10_000

// expression is what transform compiles. Here it is text.
func expression() kind {
	k := optional(text("an expression "+textInRules, isSource))
	k.source = true
	return k
}

// isSource takes text on one line or on several.
func isSource(s string) bool {
	return len(s) <= maxSource && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t'
	})
}

func regularExpression() kind {
	k := text("a regular expression (RE2) "+textInRules, func(s string) bool { return mistakeIn(s) == "" })
	k.source, k.reason = true, mistakeOf
	return k
}

// parseMode is how a line is parsed: one of some words, or a regular expression.
func parseMode() kind {
	words := []string{ParseAuto, ParseJSON, ParseLogfmt, ParseNone}
	const rule = "auto, json, logfmt, none or a regular expression (RE2) with named groups, such as (?P<user>[a-z]+)"
	k := text(rule, func(s string) bool {
		return slices.Contains(words, s) || mistakeIn(s) == "" && hasNames(regexp.MustCompile(s))
	})
	k.source, k.reason = true, mistakeOf
	return k
}

func hasNames(re *regexp.Regexp) bool {
	return slices.ContainsFunc(re.SubexpNames(), func(name string) bool { return name != "" })
}

func mistakeOf(raw any) string {
	s, _ := raw.(string)
	return mistakeIn(s)
}

// mistakeIn says why a regular expression does not compile; empty is that it does.
func mistakeIn(expr string) string {
	if len(expr) > maxSource {
		return "must have at most 10000 bytes"
	}
	_, err := regexp.Compile(expr)
	if wrong, ok := errors.AsType[*syntax.Error](err); ok {
		return "does not compile: " + wrong.Code.String() + ": " + printable(wrong.Expr)
	}
	return ""
}

// matchesNothing tells whether a regular expression that compiles can match
// between two characters.
func matchesNothing(expr string) bool {
	re, err := syntax.Parse(expr, syntax.Perl)
	return err == nil && canBeEmpty(re)
}

func canBeEmpty(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpNoMatch, syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyCharNotNL, syntax.OpAnyChar:
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return canBeEmpty(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min == 0 || canBeEmpty(re.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !canBeEmpty(sub) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, canBeEmpty)
	default:
		return true
	}
}
