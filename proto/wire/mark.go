package wire

// Marks are notes about a request that travel with its events, in the indexed
// field MarkField, for rules and people to see.
const (
	MarkField = "drainline_mark"
	// MarkOverRate is a request that its sender's rate bound would not have let in.
	MarkOverRate = "over_rate"
	// MarkUnknownDrain is a request from a drain that the configuration does not list.
	MarkUnknownDrain = "unknown_drain"
	// MarkStrayIndex is a drain's request whose URL names an index that its HEC token
	// does not allow. Its events go without it.
	MarkStrayIndex = "stray_index"
	// MarkUnformatted is an event that would be too large for a message in the format that
	// was asked for. It goes as it is.
	MarkUnformatted = "unformatted"
)
