package natsd_test

import (
	"path/filepath"
	"testing"
	"time"
)

func TestTheDiskIsTimed(t *testing.T) {
	t.Parallel()
	o := quick(t.TempDir())
	s := start(t, o)
	for range 2 {
		if took, err := s.TimeSync(); err != nil || took <= 0 || took > time.Minute {
			t.Errorf("%v, %v", took, err)
		}
	}
	if free, needed, err := s.Space(); err != nil || free <= 0 || needed != o.MinFree {
		t.Errorf("%d of %d, %v", free, needed, err)
	}
	if files, err := filepath.Glob(filepath.Join(o.Dir, "*.probe")); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}
