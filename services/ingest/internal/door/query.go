package door

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
)

// Bounds of what is kept of a query: parameters, and bytes of a value.
const (
	maxQueryFields = 32
	maxQuery       = 256
)

// fields are the query parameters that are kept.
type fields struct {
	names []string
	globs []string
}

func newFields(allowed []string) fields {
	var f fields
	for _, name := range allowed {
		switch {
		case strings.Contains(name, "*"):
			f.globs = append(f.globs, name)
		case config.KeepsParameter(name, name):
			f.names = append(f.names, name)
		}
	}
	return f
}

// match reports whether a name that is not in names is allowed by a glob.
func (f *fields) match(name string) bool {
	return slices.ContainsFunc(f.globs, func(glob string) bool { return config.KeepsParameter(glob, name) })
}

// query takes the allowed parameters out of a drain URL's query, the first value
// of each. When there are too many, those that are allowed by name come first.
func (f *fields) query(u *url.URL) map[string]string {
	if u.RawQuery == "" || len(f.names)+len(f.globs) == 0 {
		return nil
	}
	values, kept := u.Query(), map[string]string{}
	keep := func(name string) {
		v := values.Get(name)
		if name == wire.QueryApp && !isName(v) {
			return // as in the path, but for the sake of a name no log is refused
		}
		if v != "" && len(kept) < maxQueryFields {
			kept[name] = parcel.Text(v, maxQuery)
		}
	}
	for _, name := range f.names {
		keep(name)
	}
	if len(f.globs) == 0 {
		return kept
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if f.match(name) {
			keep(name)
		}
	}
	return kept
}
