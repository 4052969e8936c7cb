// Package checkup is what is found when everything is looked at that Drainline needs, as
// `drainline doctor` does.
package checkup

// State is how what was looked at is.
type State string

// The states of a finding.
const (
	Good    State = "good"
	Warning State = "warning" // it works, but not for long, or not well
	Failed  State = "failed"
	Skipped State = "skipped" // it cannot be looked at, or there is nothing to look at
)

// Finding is what was found out about one thing.
type Finding struct {
	// Check is what was looked at, in a word.
	Check string `json:"check"`
	State State  `json:"state"`
	// Found is what was found, for people.
	Found string `json:"found"`
	// Fix is one sentence about what to do; empty where nothing has to be done.
	Fix string `json:"fix,omitempty"`
}
