package rules

// Count is what one rule has done, in events.
type Count struct {
	// Matched events are those it was applied to.
	Matched int
	// Dropped by drop, Sampled out by sample, Limited by limit when that drops.
	Dropped, Sampled, Limited int
	// Dead by limit or on_error.
	Dead int
	// Failed are events of which something went wrong, dead or kept.
	Failed int
}

// Fate is what becomes of an event.
type Fate uint8

// The fates there are.
const (
	// Ship it, to where Route says.
	Ship Fate = iota
	// Filter it: the operator wants it dropped.
	Filter
	// Bury it: it becomes a dead letter.
	Bury
)

// Reason codes of dead letters.
const (
	// ReasonFailed is an event that a rule with on_error: dead, or one that redacts, or a
	// destination's condition failed on.
	ReasonFailed = "rule_failed"
	// ReasonLimit is an event over a limit with over: dead.
	ReasonLimit = "over_limit"
	// ReasonUnrouted is an event that no destination wants, with unrouted: dead.
	ReasonUnrouted = "unrouted"
)

// Verdict is what rules have come to.
type Verdict struct {
	Fate Fate
	// Reason is the code of a dead letter, Sentence says it for people; both are empty
	// unless Fate is Bury. The sentence has nothing of the event, which may be secret.
	Reason, Sentence string
}
