package config

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	busKey   = "bus.nkey"
	nkeyRule = "the seed of a NATS user's nkey: SU and 56 more of A-Z and 2-7"
)

var nkeySeed = regexp.MustCompile(`^SU[A-Z2-7]{56}$`)

// Seed is the seed of the NATS user's nkey, empty where none is configured. What is in
// nkey_file is read with every call, so that a connection that is made anew takes a key that
// was changed meanwhile. The error says which file cannot be read or holds no seed.
func (b Bus) Seed() (Secret, error) {
	if b.NKeyFile == "" {
		return b.NKey, nil
	}
	content, err := readBounded(b.NKeyFile, maxSecretFile)
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", busKey+fileSuffix, b.NKeyFile, err)
	}
	seed := strings.TrimRight(string(content), "\r\n")
	if !nkeySeed.MatchString(seed) {
		return "", fmt.Errorf("%s: %s: must hold %s", busKey+fileSuffix, b.NKeyFile, nkeyRule)
	}
	return Secret(seed), nil
}
