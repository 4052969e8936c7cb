package ingest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	secretFile   = "drain-secret"
	secretLength = 32
	// maxSecret is the longest secret that a drain URL is known to carry.
	maxSecret = 256
)

// errNoCredential is what a service says that has no place to keep a secret: a
// new one at each start would lock its senders out, and Logplex drops what is
// refused.
var errNoCredential = errors.New("ingest.logplex.credentials is empty and there is no data directory to keep a secret in: " +
	"set DRAINLINE_DRAIN_SECRET, ingest.logplex.credentials or ingest.hec.tokens")

// madeSecret is the secret of the credential that is made when none is
// configured. It is kept in dir, so that the drain URL stays the same.
type madeSecret struct{ dir string }

func (m *madeSecret) path() string { return filepath.Join(m.dir, secretFile) }

// get reads the secret, or makes and keeps it: 32 characters of a-z and 2-7,
// which is 160 bits.
func (m *madeSecret) get() (string, error) {
	if m.dir == "" {
		return "", errNoCredential
	}
	kept, err := os.ReadFile(m.path())
	if errors.Is(err, fs.ErrNotExist) {
		secret := strings.ToLower(rand.Text() + rand.Text())[:secretLength]
		return secret, m.keep(secret)
	}
	if err != nil {
		return "", fmt.Errorf("the drain secret cannot be read: %w", err)
	}
	secret := strings.TrimSpace(string(kept))
	if secret == "" || len(secret) > maxSecret {
		return "", fmt.Errorf("%s holds no secret of 1 to %d characters: correct it, or delete it to have one made", m.path(), maxSecret)
	}
	return secret, nil
}

// keep writes the file whole or not at all, and to the disk: a drain URL that
// was printed must work after a power cut.
func (m *madeSecret) keep(secret string) error {
	if err := m.write(secret); err != nil {
		return fmt.Errorf("the drain secret cannot be kept: make the data directory writable, or set DRAINLINE_DRAIN_SECRET: %w", err)
	}
	return nil
}

func (m *madeSecret) write(secret string) error {
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err //nolint:wrapcheck // wrapped by keep
	}
	f, err := os.CreateTemp(m.dir, secretFile+".*") // has mode 0600
	if err != nil {
		return err //nolint:wrapcheck // wrapped by keep
	}
	_, err = f.WriteString(secret + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), m.path())
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(m.dir)
	if err != nil {
		return err //nolint:wrapcheck // wrapped by keep
	}
	return errors.Join(dir.Sync(), dir.Close())
}
