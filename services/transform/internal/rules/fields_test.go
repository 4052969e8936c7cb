package rules

import "github.com/drainline/drainline/services/internal/glob"

// matches is what FuzzGlob asks.
func matches(pattern, name string) bool { return glob.Match([]string{pattern}, name) }
