package display

import (
	"fmt"
	"time"
)

// Bytes is a number of bytes in the unit people read it in.
func Bytes(n int64) string {
	const kilo, mega, giga = 1e3, 1e6, 1e9
	switch f := float64(n); {
	case f >= giga:
		return fmt.Sprintf("%.1f GB", f/giga)
	case f >= mega:
		return fmt.Sprintf("%.1f MB", f/mega)
	case f >= kilo:
		return fmt.Sprintf("%.1f kB", f/kilo)
	default:
		return fmt.Sprintf("%d B", n)
	}
}

// Span is a time in the one or two units that matter.
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%ds", d/time.Second)
	}
}
