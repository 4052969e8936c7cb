package config

import "time"

const drains = "drains"

var drainKeys = []key{
	{
		path: drains,
		doc: "What is known of single log drains, by their tokens. Files that are included add to the list; " +
			"`drainline drains import` writes such files. Neither environment nor flags can give entries.",
	},
	{path: drains + "[]", doc: "One log drain. Where it posts to the HEC door, what token and query say wins over it."},
	{
		path: drains + "[].token", kind: text("1 to 128 visible ASCII characters", drainToken.MatchString), required: true,
		doc:     "The drain's token, as `heroku drains --json` shows it and Logplex sends it. It is listed once in all files.",
		example: "d.01234567-89ab-cdef-0123-456789abcdef",
	},
	{
		path: drains + "[].app", kind: optional(text(appRule, appName.MatchString)),
		doc: "The app that the drain belongs to.", example: "shop",
	},
	{
		path: drains + "[].index", kind: optional(indexName()),
		doc: "The index of its events.", example: "web",
	},
	{
		path: drains + "[].source", kind: optional(words()),
		doc: "The source of its events, in place of the process type.",
	},
	{
		path: drains + "[].sourcetype", kind: optional(words()),
		doc: "The sourcetype of its events, in place of heroku:<kind>.",
	},
	{
		path: drains + "[].fields", kind: fieldMap(),
		doc: "Indexed fields that its events get.", example: "{env: prod, team: web}",
	},
	{
		path: drains + "[].destinations",
		kind: listOf(namesRule, 0, as(namePattern.MatchString)),
		doc: "Destinations that get its events, beside those whose `when` they meet and those that rules name. " +
			"Empty is every destination without `when`.",
	},
	{
		path: drains + "[].format", kind: optional(format()),
		doc: "What Splunk shows as _raw, where neither rules nor the destination say. " + formatDoc + " Empty is text.",
	},
	{
		path: drains + "[].join", kind: listOf("a list of different names of joins and of presets", 0, as(namePattern.MatchString)),
		doc: "How lines of one process become one event: names under joins or the presets go, java, node, python and ruby, " +
			"the first that fits a line. Empty joins nothing.", example: "[java]",
	},
	{
		path: drains + "[].structured_data", kind: optional(choice(StructuredDataAuto, StructuredDataNever, StructuredDataAlways)),
		doc: "Whether its frames carry RFC 5424's structured data. Empty goes by the credential.",
	},
	{
		path: drains + "[].from", kind: timestamp(),
		doc: "The first time of events that are shipped; what is older is another tool's to ship, and counted. A time without zone is UTC.",
	},
	{
		path: drains + "[].until", kind: timestamp(),
		doc: "The first time of events that are not shipped any more, later than from. What comes then is counted.",
	},
	{
		path: drains + "[].expect_within", kind: durationOrZero(time.Minute, maxExpect),
		doc: "How long the drain may be silent before `drainline status` says so. 0 is for ever.", example: "15m",
	},
}

// maxExpect is no longer than the ledger is kept by default.
const maxExpect = 30 * day
