package condition

import (
	"errors"
	"testing"
	"unicode/utf8"
)

// FuzzCompile: whatever is written, nothing panics, a mistake has a place in what was
// written, and what compiles can be evaluated.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`kind == "router" && fields.path == "/healthz" && fields.status < 400`, `{{ app }}-{{ fields.a ?? "x" }}`, `any(fields.words, # == "one")`,
		`1 < (1 < (1 < 1 < 1) < 1) < 1`, `((fields.a ?: 1) ?: 2) ?: 3`, `let x = fields.user; x.id + 1 > 2`, `message matches "(a*)*b"`, `{"a": [1, {}]}.a[1:][0]`,
		`"ä" == knd`, `{{ "}}" }} {{ {"a": {}} }}`, `fields[fields.path][0]?.x`, `time.Format("2006") | lower()`, `time.Format("x")[9:-1]`, `not -fields.a`, `::lower(app)`,
		`count(split(message, ""), # in fields.words) > 2 ? filter(marks, true) : map(marks, {#: 1})`, `x.`, `"`, `{{`, `fields.a ? nil : kind`, "a\nb", `/* x`, `// x`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m Machine
		e := request()
		c, err := Compile(text)
		checkPlace(t, text, err)
		if err == nil {
			_, _ = c.Match(&m, e)
		}
		for _, compile := range []func(string) (*Template, error){CompileText, CompileKey} {
			compiled, err := compile(text)
			checkPlace(t, text, err)
			if err != nil {
				continue
			}
			begin := []byte("begin")
			if got, err := compiled.AppendText(&m, begin, e); err == nil && string(got[:5]) != "begin" {
				t.Errorf("appended %q, %v", got, err)
			}
			_, _ = compiled.AppendJSON(&m, nil, e)
		}
	})
}

func checkPlace(t *testing.T, text string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	mistake, ok := errors.AsType[*Error](err)
	if !ok || mistake.Column < 1 || mistake.Column > max(1, utf8.RuneCountInString(text)) || mistake.Message == "" {
		t.Errorf("%#v has no place in %q", err, text)
	}
}
