package natsd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// syncName is a file in the data directory that is written to see how long it takes.
const syncName = "sync.probe"

// Space is what is free on the disk, and what has to stay free, in bytes.
func (s *Server) Space() (free, needed int64, err error) {
	d, err := diskOf(s.opts.Dir)
	return d.free, s.opts.MinFree, err
}

// TimeSync writes a block beside the streams and returns how long it took until it was
// on the disk. It is for one at a time.
func (s *Server) TimeSync() (took time.Duration, err error) {
	f, err := os.OpenFile(filepath.Join(s.opts.Dir, syncName), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("disk of %s: %w", s.opts.Dir, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	began := time.Now()
	if _, err = f.WriteAt(make([]byte, syncBytes), 0); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return 0, fmt.Errorf("disk of %s: %w", s.opts.Dir, err)
	}
	return time.Since(began), nil
}
