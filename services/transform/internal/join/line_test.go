package join

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// plain is what the quicker functions are to recognise.
var plain = []struct {
	name    string
	matches func(line []byte) bool
	pattern *regexp.Regexp
}{
	{"isMarker", isMarker, regexp.MustCompile(`^[ \t\r\n]*[~^]+[ \t\r\n]*$`)},
	{"isIndented", isIndented, regexp.MustCompile(`^[ \t][ \t\r\n]*[^ \t\r\n]`)},
	{"isJavaException", isJavaException, regexp.MustCompile(`(Exception|Error|Throwable)(:|[ \t\r\n]*$)|^Exception in thread "`)},
	{"isJavaFrame", isJavaFrame, regexp.MustCompile(`^[ \t][ \t\r\n]*(at |\.\.\. |- locked |- waiting |\[CIRCULAR REFERENCE|\(Coroutine )`)},
	{"isNodeError", isNodeError, regexp.MustCompile(`(Exception|Error)(:| \[|[ \t\r\n]*$)`)},
	{"isNodePlace", isNodePlace, regexp.MustCompile(`(?s)^((/|file://).*[jt]s|node:.*):[0-9]+[ \t\r\n]*$`)},
	{"isPythonFile", isPythonFile, regexp.MustCompile(`(?s)^  File ".*", line `)},
	{"isPythonException", isPythonException, regexp.MustCompile(`^[A-Za-z_[:^ascii:]][\w.<>[:^ascii:]]*(:|[ \t\r\n]*$)`)},
	{"isPanic", isPanic, regexp.MustCompile(`panic(: | serving )`)},
	{"isGoroutine", isGoroutine, regexp.MustCompile(`(?s)^goroutine .*\]:[ \t\r\n]*$`)},
	{"isFunction", isFunction, regexp.MustCompile(`(?s)^[^ (]+\(.*\)[ \t\r\n]*$`)},
	{"isRegister", isRegister, regexp.MustCompile(`^[^ ]{1,6} +0x`)},
	{"isRailsException", isRailsException, regexp.MustCompile(`(?s)^` + tagged + constant + ` \(.*\):[ \t\r\n]*$`)},
	{"isRubyInspect", isRubyInspect, regexp.MustCompile(`(?s)#<` + errorClass + `: .*>[ \t\r\n]*$`)},
	{"isRubyError", isRubyError, regexp.MustCompile(`(?s)^` + tagged + errorClass + `: `)},
}

// Plain knows no tags but those in brackets.
var otherTags = regexp.MustCompile(`^(?:pid=|(?s:.),)`)

const (
	tagged     = `(?:\[(?:[^\]]|\]+[^ \]])*\]+ )*`
	constant   = `[A-Z](?:\w|::)*`
	errorClass = `(?:Error|Exception|[A-Z](?:\w|::)*(?:Error|Exception)|[A-Z]\w*::(?:\w|::)*)`
)

func FuzzLine(f *testing.F) {
	files, err := filepath.Glob("testdata/*.log")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			f.Add([]byte(strings.TrimSuffix(line, "\n")))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, p := range plain {
			if got, want := p.matches(line), p.pattern.Match(line); got != want && !otherTags.Match(line) {
				t.Errorf("%s(%q) is %v", p.name, line, got)
			}
		}
	})
}

func TestRubyPlaces(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line         string
		raise, frame bool
	}{
		{"app.rb:12:in `m': divided by 0 (ZeroDivisionError)", true, false},
		{"app.rb:12:in 'C#m': x (E)", true, false},
		{"app.rb:12:in 'm': x", false, false},
		{"app.rb:12:in 'm'", false, true},
		{"/app/bin/rails:4:in `<main>'\r", false, true},
		{"[id] app/x.rb:1:in `y'", false, true},
		{"\tfrom app.rb:3", false, true},
		{"from app.rb:3:in 'x'", false, true},
		{"from the start", false, false},
		{":12:in 'm'", false, true},
		{"12:in 'm'", false, false},
		{"app.rb::in 'm'", false, false},
		{"app.rb:12:in m'", false, false},
		{"app.rb:12:in ", false, false},
		{":in 'm'", false, false},
	}
	for _, tt := range tests {
		if raise, frame := isRubyRaise([]byte(tt.line)), isRubyFrame([]byte(tt.line)); raise != tt.raise || frame != tt.frame {
			t.Errorf("%q: raise %v, frame %v", tt.line, raise, frame)
		}
	}
}

func TestUntagged(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                              "",
		"hello [a] b":                   "hello [a] b",
		"[a] [b c] d":                   "d",
		"[a]b] c":                       "c",
		"[a]":                           "[a]",
		"[a]  b":                        " b",
		"F, [t #4] FATAL -- : x":        "x",
		"E, [t #4] ERROR -- web: [a] x": "x",
		"E, no":                         "E, no",
		"E, [t #4] ERROR -- web":        "E, [t #4] ERROR -- web",
		"pid=4 tid=x WARN: y":           "y",
		"pid=4 tid=x INFO: y":           "pid=4 tid=x INFO: y",
	} {
		if got := untagged([]byte(line)); string(got) != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
