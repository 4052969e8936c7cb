package natsd_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/drainline/drainline/services/internal/natsd"
)

const (
	theKey     = "0123456789abcdef"
	anotherKey = "fedcba9876543210"
)

// write fills a stream and stops the server.
func write(t *testing.T, o natsd.Options) {
	t.Helper()
	s := start(t, o)
	nc, js := connect(t, s)
	createStream(t, js)
	for i := range 20 {
		eventually(t, "a publish", func() error { return tryPublish(t, js, i) })
	}
	nc.Close()
	s.Shutdown()
}

// mustHold finds what write has stored.
func mustHold(t *testing.T, o natsd.Options) {
	t.Helper()
	s := start(t, o)
	nc, js := connect(t, s)
	got := stored(t, js)
	for i := range 20 {
		if !got[payload(i)] {
			t.Errorf("message %d is lost", i)
		}
	}
	nc.Close()
	s.Shutdown()
}

// legible tells which files of a directory show a message.
func legible(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte("xxxxxxxx")) { // what a payload consists of
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	plain, encrypted := quick(t.TempDir()), quick(t.TempDir())
	// A stream in the making looks broken, for longer than quick allows on a busy disk.
	plain.RestartAfter, encrypted.RestartAfter = patience, patience
	encrypted.EncryptionKey = theKey
	write(t, plain)
	write(t, encrypted)
	if len(legible(t, plain.Dir)) == 0 {
		t.Error("without a key nothing can be read, so that this test shows nothing")
	}
	if found := legible(t, encrypted.Dir); found != nil {
		t.Errorf("messages can be read in %v", found)
	}

	for name, c := range map[string]struct {
		o         natsd.Options
		key, want string
	}{
		"another key": {encrypted, anotherKey, "data directory DIR was encrypted with another key: " +
			"set bus.embedded.encryption_key to that one, or bus.embedded.dir to a new folder"},
		"no key": {encrypted, "", "data directory DIR is encrypted: set bus.embedded.encryption_key or encryption_key_file"},
		"no encryption": {plain, theKey, "data directory DIR holds streams that are not encrypted, and they cannot be made so in place: " +
			"take bus.embedded.encryption_key away, or set bus.embedded.dir to a new folder"},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := c.o
			wrong.EncryptionKey = c.key
			refused(t, wrong, c.want)
			mustHold(t, c.o)
		})
	}
	if found := legible(t, encrypted.Dir); found != nil {
		t.Errorf("after several starts messages can be read in %v", found)
	}
}
