package natsd

import (
	"testing"
	"time"
)

func TestNextBackoff(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ last, quiet, want time.Duration }{
		"first":                {0, 1 << 62, time.Second},
		"second":               {time.Second, 0, 2 * time.Second},
		"after a short while":  {2 * time.Second, time.Minute, 4 * time.Second},
		"at the end":           {40 * time.Second, 0, time.Minute},
		"stays there":          {time.Minute, 0, time.Minute},
		"after a quiet minute": {time.Minute, time.Minute + 1, time.Second},
	}
	for name, c := range cases {
		if got := nextBackoff(c.last, c.quiet); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
