package natsd

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRoomOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, there := range []string{dir, filepath.Join(dir, "not", "yet")} {
		r, err := RoomOf(there, "bus.embedded.dir", 0)
		if err != nil || r.Total < r.Free || r.Free <= 0 || r.Floor < minFree || r.Capacity <= 0 || r.Capacity > r.Free {
			t.Errorf("%s: %+v, %v", there, r, err)
		}
		if r, err = RoomOf(there, "bus.embedded.dir", 1000); err != nil || r.Capacity != 1000 {
			t.Errorf("%s, bounded: %+v, %v", there, r, err)
		}
	}
	if _, err := RoomOf(filepath.Join(dir, "file"), "bus.embedded.dir", 0); err == nil {
		t.Error("a file is no directory")
	}
}

func TestSyncTimeLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, there := range []string{dir, filepath.Join(dir, "not", "yet")} {
		if took, err := SyncTime(there); err != nil || took <= 0 {
			t.Errorf("%s: %v, %v", there, took, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := SyncTime("/proc"); err == nil {
		t.Error("nobody can write to /proc")
	}
}
