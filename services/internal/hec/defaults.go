package hec

import (
	"cmp"
	"maps"
	"slices"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
)

// IndexedFields are a token's fields for all events (inputs.conf: _meta), sorted by name.
func IndexedFields(values map[string]string) []*drainlinev1.Field {
	fields := make([]*drainlinev1.Field, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fields = append(fields, &drainlinev1.Field{Name: name, Json: AppendString(nil, []byte(values[name]))})
	}
	return fields
}

// LineDefaults are the metadata of a drain's lines: those of the URL, of which query gives
// a parameter, before the token's.
func LineDefaults(token *drainlinev1.Defaults, query func(name string) string) *drainlinev1.Defaults {
	return &drainlinev1.Defaults{
		Host:       cmp.Or(query("host"), token.GetHost()),
		Source:     cmp.Or(query("source"), token.GetSource()),
		Sourcetype: cmp.Or(query("sourcetype"), token.GetSourcetype()),
		Index:      cmp.Or(query("index"), token.GetIndex()),
		Fields:     token.GetFields(),
	}
}

// EventDefaults are the defaults of HEC's own events. Splunk has none without a host, a
// source and a sourcetype: they are the address of the client, "http:" with the token's
// name, and "httpevent". It fails with a *RefusedError if the query's time is none.
func EventDefaults(token *drainlinev1.Defaults, query func(name string) string, tokenName, client string) (*drainlinev1.Defaults, error) {
	d := LineDefaults(token, query)
	d.Host = cmp.Or(d.GetHost(), client)
	d.Source = cmp.Or(d.GetSource(), "http:"+tokenName)
	d.Sourcetype = cmp.Or(d.GetSourcetype(), "httpevent")
	d.SplitArrays = token.GetSplitArrays()
	if at := query("time"); at != "" {
		ns, refused := ParseQueryTime(at)
		if refused != nil {
			return nil, refused
		}
		d.TimeNs = ns
	}
	return d, nil
}
