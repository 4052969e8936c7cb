package natsd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	lockName  = "drainline.lock"
	maxPidLen = 20
)

// dirLock keeps other processes out of a data directory: two JetStream servers
// on one directory both start, and corrupt it. The kernel drops the lock when
// the process dies; the file stays and names the last holder.
type dirLock struct{ file *os.File }

func (p directory) lock() (*dirLock, error) {
	path := filepath.Join(p.path, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator's own directory
	if err != nil {
		return nil, fmt.Errorf("data directory %s is not writable: %w: change its owner or set %s", p.path, err, p.key)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close() //nolint:errcheck // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data directory %s is in use by another drainline (pid %s): stop it or set %s",
				p.path, holder(f), p.key)
		}
		return nil, fmt.Errorf("data directory %s cannot be locked: %w: set %s to a local disk", p.path, err, p.key)
	}
	if err := writePid(f); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s is not writable: %w", p.path, err), f.Close())
	}
	return &dirLock{file: f}, nil
}

func holder(f io.Reader) string {
	b, err := io.ReadAll(io.LimitReader(f, maxPidLen))
	pid := strings.TrimSpace(string(b))
	if err != nil || pid == "" {
		return "unknown"
	}
	return pid
}

func writePid(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("emptying the lock file: %w", err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("writing the lock file: %w", err)
	}
	return nil
}

func (l *dirLock) release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("closing the lock file: %w", err)
	}
	return nil
}
