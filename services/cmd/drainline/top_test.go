package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/drainline/drainline/services/internal/app"
)

func TestTopNeedsWhatItCanShowItselfOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args  []string
		usage bool
		want  string
	}{
		{nil, true, "top needs a terminal"},
		{[]string{"-o", "yaml"}, true, "-o yaml"},
		{[]string{"--once"}, false, "start `drainline run`"},
		{[]string{"-o", "json"}, false, "start `drainline run`"},
	} {
		_, err := runRoot(t, append(append([]string{"top"}, c.args...), "--set", "bus.embedded.dir="+t.TempDir())...)
		if _, usage := errors.AsType[*app.UsageError](err); err == nil || usage != c.usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("top %v: %v, want %q", c.args, err, c.want)
		}
	}
}
