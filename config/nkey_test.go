package config_test

import (
	"strings"
	"testing"

	"github.com/drainline/drainline/config"
)

const (
	seed      = "SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4"
	otherSeed = "SUAKINP3Z2BPUXWOFSW2FZC7TFJCMMU7DHKP2C62IJQUDASOCDSTDTRMJY"
)

func TestSeedReadsTheFileAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, dir, "nkey", seed+"\r\n")
	c := load(t, config.Loader{Environ: []string{"DRAINLINE_BUS__NKEY_FILE=" + file}})
	for _, step := range []struct{ content, want, err string }{
		{content: seed, want: seed},
		{content: otherSeed + "\n", want: otherSeed},
		{content: otherSeed + "\n" + seed, err: "must hold the seed"},
		{content: "", err: "must hold the seed"},
	} {
		replace(t, dir, "nkey", step.content)
		got, err := c.Bus.Seed()
		if got.Reveal() != step.want || (err != nil) != (step.err != "") || err != nil && !strings.Contains(err.Error(), step.err) {
			t.Errorf("%q: %q, %v", step.content, got.Reveal(), err)
		}
		if err != nil && (strings.Contains(err.Error(), seed) || !strings.Contains(err.Error(), file)) {
			t.Errorf("the error shows the seed, or no file: %v", err)
		}
	}
	remove(t, file)
	if _, err := c.Bus.Seed(); err == nil {
		t.Error("a file that is gone has a seed")
	}
}

func TestSeedIsWhatTheEnvironmentSays(t *testing.T) {
	t.Parallel()
	for _, c := range []config.Loader{
		{Environ: []string{"DRAINLINE_BUS__NKEY=" + seed}},
		{Environ: []string{"NATS_NKEY=" + seed}, Files: []string{write(t, t.TempDir(), "drainline.yaml", "bus: {nkey: '${NATS_NKEY}'}")}},
	} {
		if got, err := load(t, c).Bus.Seed(); got.Reveal() != seed || err != nil {
			t.Errorf("%q, %v", got.Reveal(), err)
		}
	}
	if got, err := load(t, config.Loader{}).Bus.Seed(); got != "" || err != nil {
		t.Errorf("%q without any, %v", got.Reveal(), err)
	}
}

// A key that is changed in its file is taken by the next connection; one that is changed
// where it is written down would need another process.
func TestWatchFollowsTheNkeysFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := write(t, dir, "nkey", seed)
	file := write(t, dir, "drainline.yaml", "bus: {nkey_file: "+key+"}\n"+hold(1))
	w := watch(t, config.Loader{Files: []string{file}})
	replace(t, dir, "nkey", otherSeed)
	w.ask()
	w.expect(unchanged)
	replace(t, dir, "drainline.yaml", "bus: {nkey_file: "+key+"}\n"+hold(2))
	if got := w.next().Bus.NKey.Reveal(); got != otherSeed {
		t.Errorf("%q", got)
	}
	replace(t, dir, "drainline.yaml", "bus: {nkey: "+seed+"}\n"+hold(3))
	if got := strings.Join(w.expect(refused), "\n"); !strings.Contains(got, "bus.nkey_file: \"\": needs a restart") || strings.Contains(got, seed) {
		t.Errorf("%s", got)
	}
}
