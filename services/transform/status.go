package transform

import (
	"cmp"
	"slices"
)

// FactLost is the name under which GET /status has what Lost returns.
const FactLost = "lost_upstream"

// Lost is what Logplex or log-shuttle say was lost before it reached Drainline, since
// the start.
type Lost struct {
	// Input is the app that the lines were of, or else its drain or credential.
	Input string `json:"input"`
	// Code is L10 for Logplex's buffer, L12 and L13 for log-shuttle's.
	Code     string `json:"code"`
	Messages int64  `json:"messages"`
}

// Lost lists what was lost, most first. There are at most 1,000 inputs; the others are
// together under telemetry.Other.
func (t *Transform) Lost() []Lost {
	list := []Lost{}
	t.totals.Lost.Each(func(values []string, count int64) {
		list = append(list, Lost{Input: values[0], Code: values[1], Messages: count})
	})
	slices.SortFunc(list, func(a, b Lost) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Input, b.Input), cmp.Compare(a.Code, b.Code))
	})
	return list
}
