package natsd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// syncs of a block of syncBytes are timed.
	syncs     = 15
	syncBytes = 4096
)

// Room is what a disk leaves a server that keeps its data in a directory, in bytes.
type Room struct {
	Total, Free int64
	// Floor is the free space below which a server takes nothing.
	Floor int64
	// Capacity is what the streams may take together, as Server.Capacity.
	Capacity int64
}

// RoomOf is the room of a directory, which may be still to be made. Key is the setting that
// names it, for errors, and bound what the streams may take at most; 0 leaves that to the disk.
func RoomOf(dir, key string, bound int64) (Room, error) {
	there, err := nearest(dir)
	if err != nil {
		return Room{}, err
	}
	d, err := diskOf(there)
	if err != nil {
		return Room{}, err
	}
	r := Room{Total: d.total, Free: d.free, Floor: d.floor(0)}
	if there != filepath.Clean(dir) { // nothing is in it yet
		r.Capacity = d.free / 100 * usablePercent
		if bound > 0 {
			r.Capacity = min(r.Capacity, bound)
		}
		return r, nil
	}
	r.Capacity, err = directory{path: dir, key: key}.capacity(d, bound)
	return r, err
}

// SyncTime is how long a small write takes to be safe on the disk of a directory: the median
// of some, made in a file that is gone afterwards. A directory that is not there is looked at
// by the one above it.
func SyncTime(dir string) (time.Duration, error) {
	there, err := nearest(dir)
	if err != nil {
		return 0, err
	}
	f, err := os.CreateTemp(there, ".drainline-doctor-*")
	if err != nil {
		return 0, err //nolint:wrapcheck // names the path
	}
	times, err := timeSyncs(f)
	if err := errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return 0, fmt.Errorf("writing in %s: %w", there, err)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

func timeSyncs(f *os.File) ([]time.Duration, error) {
	block, times := make([]byte, syncBytes), make([]time.Duration, syncs)
	for i := range times {
		begun := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err //nolint:wrapcheck // names the path
		}
		if err := f.Sync(); err != nil {
			return nil, err //nolint:wrapcheck // names the path
		}
		times[i] = time.Since(begun)
	}
	return times, nil
}

// nearest is a directory, or the first above it that is there.
func nearest(dir string) (string, error) {
	for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return dir, nil
		case err == nil:
			return "", fmt.Errorf("%s is no directory", dir)
		case !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir):
			return "", err //nolint:wrapcheck // names the path
		}
	}
}
