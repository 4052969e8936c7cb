package heroku

import "github.com/drainline/drainline/services/transform/internal/fields"

// Parse takes the fields out of the text of a line of the platform, under the names of
// the vocabulary. Lines of apps have none.
func Parse(dst *fields.List, line *Line, text []byte) {}

// Level is how grave a line is: debug, info, warning, error or critical, or empty.
func Level(line *Line, parsed *fields.List) string { return "" }
