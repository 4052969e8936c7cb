package natsd

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/crypto/chacha20poly1305"
)

// checkKey holds the streams that are there to the key, before a server sees them: one that
// cannot read a stream leaves it out, and makes a new one in its place when asked to. It
// encrypts blocks in place, and a block whose conversion is cut short is lost, so streams
// without encryption are refused too.
func (p directory) checkKey(section, key string) error {
	metas, err := filepath.Glob(filepath.Join(p.path, server.JetStreamStoreDir, "*", "streams", "*", server.JetStreamMetaFile))
	if err != nil {
		return fmt.Errorf("data directory %s: %w", p.path, err)
	}
	for _, meta := range metas {
		stream := filepath.Dir(meta)
		if strings.HasPrefix(filepath.Base(stream), ".") {
			continue // is being deleted
		}
		sealed, err := os.ReadFile(filepath.Join(stream, server.JetStreamMetaFileKey)) //nolint:gosec // in the operator's own directory
		encrypted := !errors.Is(err, os.ErrNotExist)
		switch {
		case encrypted && err != nil:
			return fmt.Errorf("data directory %s cannot be read: %w: change its owner or set %s", p.path, err, p.key)
		case encrypted && key == "":
			return fmt.Errorf("data directory %s is encrypted: set %s.encryption_key or encryption_key_file", p.path, section)
		case encrypted && !opens(key, stream, sealed):
			return fmt.Errorf("data directory %s was encrypted with another key: set %s.encryption_key to that one, or %s to a new folder",
				p.path, section, p.key)
		case !encrypted && key != "":
			return fmt.Errorf("data directory %s holds streams that are not encrypted, and they cannot be made so in place: "+
				"take %s.encryption_key away, or set %s to a new folder", p.path, section, p.key)
		}
	}
	return nil
}

// opens tells whether the key is the one that the key of a stream in that folder was sealed
// with, as NATS does it: by XChaCha20-Poly1305, with an HMAC of account and stream.
func opens(key, stream string, sealed []byte) bool {
	account := filepath.Base(filepath.Dir(filepath.Dir(stream)))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(account + filepath.Base(stream)))
	aead, err := chacha20poly1305.NewX(mac.Sum(nil))
	if err != nil || len(sealed) < aead.NonceSize() {
		return false
	}
	_, err = aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], nil)
	return err == nil
}
