package config

import "time"

const (
	joins     = "joins"
	namedJoin = joins + ".*"
)

var joinKeys = []key{
	{
		path: joins,
		doc: "How lines of one process become one event, by a name of your choice that drains give in `join`. The presets go, java, " +
			"node, python and ruby, for stack traces, need no entry.",
	},
	{path: namedJoin, doc: "One way to join: a preset with other limits, or patterns."},
	{
		path: namedJoin + ".preset", kind: optional(choice(JoinPresets...)), show: true,
		doc: "The preset whose patterns it takes.", example: "java",
	},
	{
		path: namedJoin + ".start", kind: optional(regularExpression()),
		doc:     "What the first line of an event matches. Without continuation, every line that does not match goes on with it.",
		example: `'^\d{4}-\d\d-\d\d '`,
	},
	{
		path: namedJoin + ".continuation", kind: optional(regularExpression()),
		doc:     "What a line matches that goes on with the event before it. With start, the event must have begun with such a line.",
		example: `'^\s+at '`,
	},
	{
		path: namedJoin + ".max_lines", kind: number(2, 10_000), def: "500",
		doc: "The most lines of an event. What comes then is an event of its own.",
	},
	{
		path: namedJoin + ".max_bytes", kind: size(1<<10, 1e6), def: "256KiB",
		doc: "The most text of an event.",
	},
	{
		path: namedJoin + ".max_wait", kind: duration(50*time.Millisecond, 10*time.Second), def: "1s",
		doc: "How long an event waits for its next line.",
	},
}
