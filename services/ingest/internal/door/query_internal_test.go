package door

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/services/ingest/internal/parcel"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	many := func(prefix string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&%s%02d=%d", prefix, i, i)
		}
		return b.String()
	}
	for _, c := range []struct{ allowed, query, kept string }{
		{"app env", "", "map[]"},
		{"", "app=a", "map[]"},
		{"app env", "app=shop&env=eu&other=x", "map[app:shop env:eu]"},
		{"app env", "env=1&env=2", "map[env:1]"},
		{"app env", "app=&env=", "map[]"},
		{"app", "app=no%20name", "map[]"},
		{"env", "env=any%20thing%00%ff", "map[env:any thing\x00?]"},
		{"env", "env=" + strings.Repeat("x", 300), "map[env:" + strings.Repeat("x", 256) + "]"},
		{"utm_*", "utm_source=a&utm_=b&utm=c&xutm_d=e", "map[utm_:b utm_source:a]"},
		{"*_id *.*", "x_id=1&_id=2&id=3&a.b=4", "map[_id:2 a.b:4 x_id:1]"},
		{"*", "a=1&b%20c=2&d/e=3&" + strings.Repeat("f", 65) + "=4&%5b=5&app=%20", "map[a:1]"},
		{"a*b", "ab=1&axxb=2&a=3", "map[ab:1 axxb:2]"},
		{"[*", "%5b=1&a=2", "map[]"},
		{"token t* *", "token=secret&time=1", "map[time:1]"}, // HEC's token, where that is in the URL
		{"env", "env=1;app=2", "map[]"},                      // what is no parameter is skipped
	} {
		f := newFields(strings.Fields(c.allowed))
		if got := fmt.Sprint(f.query(&url.URL{RawQuery: c.query})); got != c.kept {
			t.Errorf("%s of ?%s: kept %s, want %s", c.allowed, c.query, got, c.kept)
		}
	}
	f := newFields([]string{"a*", "zone"})
	kept := f.query(&url.URL{RawQuery: "zone=eu" + many("a", 100)})
	if len(kept) != maxQueryFields || kept["zone"] != "eu" || kept["a30"] != "30" || kept["a31"] != "" {
		t.Errorf("of 101 fields %d are kept: %v", len(kept), kept)
	}
}

// Whatever a query is, what is kept of it is bounded, allowed and valid text.
func TestQueryIsBounded(t *testing.T) {
	t.Parallel()
	f := newFields([]string{"app", "utm_*"})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for range rapid.IntRange(0, 50).Draw(t, "parameters") {
			name := rapid.OneOf(rapid.Just("app"), rapid.StringMatching(`utm_[a-z]?[ -~]`), rapid.String()).Draw(t, "name")
			fmt.Fprintf(&b, "&%s=%s", url.QueryEscape(name), rapid.String().Draw(t, "value"))
		}
		kept := f.query(&url.URL{RawQuery: b.String()})
		if len(kept) > maxQueryFields {
			t.Fatalf("kept %d", len(kept))
		}
		for name, value := range kept {
			if (name != "app" && !strings.HasPrefix(name, "utm_")) || !isName(name) || value == "" || parcel.Text(value, maxQuery) != value {
				t.Fatalf("kept %q: %q", name, value)
			}
		}
	})
}
