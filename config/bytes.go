package config

import (
	"math"
	"strconv"
	"strings"
)

// Bytes is a size. In a file it is a number of bytes or a number with a unit:
// kB, MB, GB, TB are powers of 1000, KiB, MiB, GiB, TiB powers of 1024.
type Bytes int64

// units are ordered so that String takes the largest that fits.
var units = []struct {
	name string
	size int64
}{
	{"TiB", 1 << 40},
	{"TB", 1e12},
	{"GiB", 1 << 30},
	{"GB", 1e9},
	{"MiB", 1 << 20},
	{"MB", 1e6},
	{"KiB", 1 << 10},
	{"kB", 1e3},
}

// String returns the size in the largest unit that shows it exactly, in the
// notation that a file takes.
func (b Bytes) String() string {
	for _, u := range units {
		if b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

func parseBytes(s string) (Bytes, bool) {
	size := int64(1)
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			s, size = strings.TrimSuffix(number, " "), u.size
			break
		}
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/size {
		return 0, false
	}
	return Bytes(int64(n) * size), true
}
