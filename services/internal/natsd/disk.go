package natsd

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	minFree        = 64 << 20
	minFreePercent = 2
	usablePercent  = 70
	statBlock      = 512 // unit of Stat_t.Blocks
)

// directory is where a server keeps its data, and the key that sets it.
type directory struct{ path, key string }

// disk is the file system that holds a directory, in bytes.
type disk struct {
	total, free int64
}

func diskOf(dir string) (disk, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return disk{}, fmt.Errorf("free space of %s: %w", dir, err)
	}
	size := uint64(st.Bsize)
	return disk{total: int64(st.Blocks * size), free: int64(st.Bavail * size)}, nil
}

// floor is the free space to keep; own overrides the default.
func (d disk) floor(own int64) int64 {
	if own > 0 {
		return own
	}
	return max(minFree, d.total/100*minFreePercent)
}

// capacity is what the streams in the directory, on that disk, may take together.
func (p directory) capacity(d disk, bound int64) (int64, error) {
	used, err := p.usage()
	if err != nil {
		return 0, err
	}
	c := (d.free + used) / 100 * usablePercent
	if bound > 0 {
		c = min(c, bound)
	}
	return c, nil
}

// usage is how much of the disk the files below the directory occupy.
func (p directory) usage() (int64, error) {
	var total int64
	err := filepath.WalkDir(p.path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err //nolint:wrapcheck // wrapped below, and names the file
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			total += st.Blocks * statBlock
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("data directory %s cannot be read: %w: change its owner or set %s", p.path, err, p.key)
	}
	return total, nil
}

// prepare creates the directory and tells whether a server can start there. A
// disk under the floor is no reason not to: the backlog must be able to drain.
func (p directory) prepare(floor int64) (disk, error) {
	if p.path == "" {
		return disk{}, fmt.Errorf("data directory is missing: set %s", p.key)
	}
	if err := os.MkdirAll(p.path, 0o700); err != nil {
		return disk{}, fmt.Errorf("data directory %s cannot be created: %w: set %s to a writable place", p.path, err, p.key)
	}
	d, err := diskOf(p.path)
	if err != nil {
		return disk{}, err
	}
	if need := min(minFree, d.floor(floor)); d.free < need {
		return disk{}, fmt.Errorf("data directory %s has %d bytes free and needs %d: free some space or set %s to a larger disk",
			p.path, d.free, need, p.key)
	}
	return d, nil
}
