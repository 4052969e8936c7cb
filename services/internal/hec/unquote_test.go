package hec_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/internal/hec"
)

func TestAppendUnquoted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ inside, want string }{
		{``, ""},
		{`plain é`, "plain é"},
		{`\"\\\/\b\f\n\r\t`, "\"\\/\b\f\n\r\t"},
		{`\u0000\u00e9\u00E9x`, "\x00ééx"},
		{`\ud83d\ude00`, "😀"},
		{`\ud83d`, "\uFFFD"},
		{`\ud83dx`, "\uFFFDx"},
		{`\ud83d\n`, "\uFFFD\n"},
		{`\ud83d\u0041`, "\uFFFDA"},
		{`\ude00\ud83d`, "\uFFFD\uFFFD"},
		{"\xff\\n", "\xff\n"},
		{`\`, `\`},
		{`\d\x41`, `\d\x41`},
		{`\u12\u12g4\ud83d\u12`, `\u12\u12g4` + "\uFFFD" + `\u12`},
		{`\\n\`, `\n\`},
	} {
		if got := hec.AppendUnquoted([]byte("before "), []byte(c.inside)); string(got) != "before "+c.want {
			t.Errorf("%s is %q, want %q", c.inside, got, c.want)
		}
	}
}

func TestUnescapeOfNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "n", `\`, `\x41`, `\u`, `\u004`, `\u004g`, `\U0041`} {
		if r, n := hec.Unescape([]byte(text)); n != 0 {
			t.Errorf("%s is %q of %d bytes", text, r, n)
		}
	}
}

func FuzzAppendUnquoted(f *testing.F) {
	for _, seed := range []string{`\"\\\/\b\f\n\r\t`, `\ud83d\ude00\ud83d\u0041`, `\d\u12`, `\`, "é\x1f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, inside string) {
		got := string(hec.AppendUnquoted(nil, []byte(inside)))
		var want string
		if json.Unmarshal([]byte(`"`+inside+`"`), &want) == nil && string([]rune(got)) != want {
			t.Errorf("%s is %q, want %q", inside, got, want)
		}
		if !strings.Contains(inside, `\`) && got != inside {
			t.Errorf("%s is %q", inside, got)
		}
	})
}

func TestIsObject(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string { return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) }
	for _, c := range []struct {
		text string
		want bool
	}{
		{`{}`, true},
		{`{"a":[1,{"b":null}]}`, true},
		{nested(hec.DefaultMaxDepth), true},
		{nested(hec.DefaultMaxDepth + 1), false},
		{``, false},
		{`{`, false},
		{`[]`, false},
		{`"a"`, false},
		{` {}`, false},
		{`{} `, false},
		{`{}{}`, false},
		{"{\"a\":\"\xff\"}", false},
	} {
		if got := hec.IsObject([]byte(c.text)); got != c.want {
			t.Errorf("%.60s: %v", c.text, got)
		}
	}
}
