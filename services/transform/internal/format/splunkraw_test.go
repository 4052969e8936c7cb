package format_test

import (
	"fmt"
	"testing"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform/internal/format"
)

// What was redacted in the text may stand in STRUCTURED-DATA, too.
func TestSplunkRawHidesStructuredDataOfWhatIsRedacted(t *testing.T) {
	t.Parallel()
	const fields = "<13>1 2024-05-01T12:00:00Z host app web.1 - "
	for _, c := range []struct {
		data     string
		sd       logplex.SD
		redacted bool
		want     string
	}{
		{`[m@1 password="SECRETX"] `, logplex.SDAlways, true, "- "},
		{`[a b="\]"][m@1 password="SECRETX"] `, logplex.SDAlways, true, "- "},
		{`[m@1 password="SECRETX"] `, logplex.SDAlways, false, `[m@1 password="SECRETX"] `},
		{"- ", logplex.SDAlways, true, "- "},
		{"", logplex.SDAlways, true, ""},
		{"", logplex.SDNever, true, ""},
	} {
		for _, joined := range []string{"", "\n\tat x"} {
			length := len(fields) + len(c.data) + len("password=x\n")
			e := frameEvent(fmt.Appendf(nil, "%d %s%spassword=x\n", length, fields, c.data), c.sd)
			e.SetText([]byte("password=***" + joined))
			e.Redacted = c.redacted
			got, _, ok := format.Append(nil, config.FormatSplunkRaw, e)
			if want := fmt.Sprintf("%d %s%spassword=***%s", length, fields, c.want, joined); !ok || string(got) != want {
				t.Errorf("%+v: %q, want %q", c, got, want)
			}
		}
	}
}
