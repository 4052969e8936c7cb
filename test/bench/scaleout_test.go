package main

import (
	"strings"
	"testing"
	"time"
)

// Services come and go on the cluster of deploy/nats while they are loaded, and nobody notices.
func TestScaleOut(t *testing.T) {
	t.Chdir("..") // as the command runs
	p, err := buildPrograms(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := options{instances: 1, load: 12 * time.Second, rate: 300, drains: 8}
	var lines strings.Builder
	got, err := o.scaleOut(t.Context(), p, p.drainline, &lines)
	t.Logf("\n%s", lines.String())
	if err != nil {
		t.Fatal(err)
	}
	if got.accepted == 0 || got.delivered != got.accepted || got.lost != 0 || got.twice != 0 || got.unanswered != 0 {
		t.Errorf("%+v", got)
	}
}
