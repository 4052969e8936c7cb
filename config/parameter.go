package config

import "path"

// queryToken is HEC's token where it is in the URL.
const queryToken = "token"

// KeepsParameter says whether an entry of ingest.logplex.query_fields, a name or one with
// a *, keeps a parameter of a drain URL's query. A * stands for any of the characters
// that names of apps may have. HEC's token, where it is in the URL, is never kept.
func KeepsParameter(entry, name string) bool {
	if name == queryToken {
		return false
	}
	matches, err := path.Match(entry, name)
	return matches && err == nil && appName.MatchString(name)
}
