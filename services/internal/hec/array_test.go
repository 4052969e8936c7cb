package hec_test

import (
	"slices"
	"testing"

	"github.com/drainline/drainline/services/internal/hec"
)

func TestElements(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		event string
		want  []string
	}{
		{`[{"a":1}]`, []string{`{"a":1}`}},
		{`[{"a":[1,{}]},{},{"b":"],["}]`, []string{`{"a":[1,{}]}`, `{}`, `{"b":"],["}`}},
		{" [ { \"a\" : 1 } ,\n{} ]"[1:], []string{`{ "a" : 1 }`, `{}`}},
		{`[]`, nil},
		{`[ ]`, nil},
		{`[1]`, nil},
		{`[{},1]`, nil},
		{`[{},[{}]]`, nil},
		{`{"a":[{}]}`, nil},
		{`"[{}]"`, nil},
		{`1`, nil},
	} {
		elements, ok := hec.Elements([]byte(c.event))
		if ok != (c.want != nil) {
			t.Errorf("%s: ok is %t", c.event, ok)
			continue
		}
		var got []string
		if ok {
			for e := range elements {
				got = append(got, string(e))
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.event, got, c.want)
		}
	}
	elements, _ := hec.Elements([]byte(`[{},{}]`))
	for range elements {
		break // no panic
	}
}
