package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// readCertificates takes a digest of the files of the tls sections. Whether they
// are any good is for the services to say that use them: another one may stand
// on a machine without them.
func (d *draft) readCertificates() {
	h := sha256.New()
	for _, k := range keys {
		if !strings.HasSuffix(parentOf(k.path), "tls") || !strings.HasSuffix(k.path, fileSuffix) {
			continue
		}
		for _, path := range d.paths(k.path) {
			file, _ := d.koanf.Get(path).(string)
			if file == "" || !d.uses(path) {
				continue
			}
			d.involved.files = append(d.involved.files, file)
			content, err := readBounded(file, maxFile)
			fmt.Fprintf(h, "%q %q %v\n", file, content, err)
			d.certificates = hex.EncodeToString(h.Sum(nil))
		}
	}
}
