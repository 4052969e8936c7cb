// Package keys makes what a NATS cluster needs to know its users by: their nkeys, their
// permissions, and certificates to try it with.
package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nkeys"
)

const (
	// publicFile has the public keys, for nats-server's configuration.
	publicFile = "keys.conf"
	seedSuffix = ".nk"

	secretMode = 0o600
	publicMode = 0o644
	folderMode = 0o755
)

// Make makes in dir the seed of a key for each user, NAME.nk, which its owner alone can
// read, and keys.conf with the public keys. What is there stays: made are the names of the
// files that were not. It fails where a file holds something else than it should.
func Make(dir string, users []string) (made []string, err error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("the folder for keys: %w", err)
	}
	var public strings.Builder
	public.WriteString("# Public keys of Drainline's users of NATS, by `drainline keys`.\n")
	for _, user := range users {
		name := user + seedSuffix
		key, isNew, err := seed(filepath.Join(dir, name))
		if err != nil {
			return made, err
		}
		if isNew {
			made = append(made, name)
		}
		fmt.Fprintf(&public, "%s: %s\n", variable(user), key)
	}
	file := filepath.Join(dir, publicFile)
	content, err := os.ReadFile(file) //nolint:gosec // the operator names the folder
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := create(file, []byte(public.String()), publicMode); err != nil {
			return made, err
		}
		return append(made, publicFile), nil
	case err != nil:
		return made, fmt.Errorf("public keys: %w", err)
	case string(content) != public.String():
		return made, fmt.Errorf("%s does not have the public keys of the %s files beside it: remove it to have it made again", file, seedSuffix)
	}
	return made, nil
}

// seed returns the public key of the seed in a file, which it makes if there is none.
func seed(file string) (public string, isNew bool, err error) {
	content, err := os.ReadFile(file) //nolint:gosec // the operator names the folder
	var pair nkeys.KeyPair
	switch {
	case err == nil:
		pair, err = nkeys.FromSeed(bytes.TrimSpace(content))
	case errors.Is(err, fs.ErrNotExist):
		isNew = true
		pair, err = nkeys.CreateUser()
	}
	if err == nil {
		public, err = pair.PublicKey()
	}
	if err == nil && !nkeys.IsValidPublicUserKey(public) {
		err = errors.New("it is no user's")
	}
	if err != nil {
		return "", false, fmt.Errorf("the seed in %s cannot be used: %w", file, err)
	}
	if !isNew {
		return public, false, nil
	}
	secret, err := pair.Seed()
	if err != nil {
		return "", false, fmt.Errorf("a new key: %w", err)
	}
	return public, true, create(file, append(secret, '\n'), secretMode)
}

// create writes a file that is not there, whole or not at all.
func create(file string, content []byte, mode fs.FileMode) error {
	draft, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	defer func() { _ = os.Remove(draft.Name()) }() // it has another name by then
	_, err = draft.Write(content)
	err = errors.Join(err, draft.Chmod(mode), draft.Sync(), draft.Close())
	if err == nil {
		err = os.Link(draft.Name(), file) // fails where there is one
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}
