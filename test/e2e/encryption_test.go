package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// With a key nothing that a drain has sent can be read on the disk, and the next start
// with the same key delivers it.
func TestEncryptionAtRest(t *testing.T) {
	t.Parallel()
	const line = "unlikely-words-of-a-customer"
	for name, encrypted := range map[string]bool{"with a key": true, "without one": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			splunk := serveSplunk(t)
			away := service(t, "drainline run", to("http://127.0.0.1:1")...)
			if encrypted {
				key := filepath.Join(t.TempDir(), "key")
				replaceFile(t, key, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n")
				away.args = append(away.args, "--set", "bus.embedded.encryption_key_file="+key)
			}
			p := away.start(t).ready()
			mustPost(t, p.drainURL(secret), frame(line+"\n"))
			p.stop()
			if found := filesWith(t, filepath.Join(away.dir, "drainline-data"), line); (len(found) == 0) != encrypted {
				t.Errorf("the line can be read in %v", found)
			}

			again := away
			for _, s := range to(splunk.url) {
				again.args = append(again.args, "--set", s)
			}
			again.start(t).ready()
			eventually(t, "the line is delivered", func() bool { return len(splunk.Events()) > 0 })
		})
	}
}

// filesWith tells which files below a folder hold some text.
func filesWith(t *testing.T, folder, text string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
