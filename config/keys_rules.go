package config

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	rules   = "rules"
	oneRule = rules + "[]"
	// appsKey stands in files only: it limits their rules to some apps.
	appsKey      = "apps"
	redactionKey = "redaction.key"
	unroutedKey  = "unrouted"
)

const (
	appsRule  = "a list of different names of apps, each of " + appRule
	namesRule = "a list of different names of destinations"
	// textInRules is what expressions and templates are made of.
	textInRules = "of at most 10000 bytes"
)

var redactionKeys = []key{
	{path: "redaction", doc: "What redactions of rules share."},
	{
		path: redactionKey, kind: secret(longSecretRule, longSecret.MatchString),
		doc: "The key of redactions with `hmac: true`. Give this or key_file. " +
			"With another key the same values become other ones, so that old and new events cannot be correlated; offline (`drainline test`) it is always the same key.",
		example: "${REDACTION_KEY}",
	},
	{
		path: redactionKey + fileSuffix, kind: optional(filePath()),
		doc:     "A file that holds the key. It is read again when it changes.",
		example: "/run/secrets/redaction",
	},
}

// ruleExamples are shown above the keys of a rule.
const ruleExamples = `- name: health checks
  when: kind == "router" && fields.path == "/healthz" && fields.status < 400
  drop: true

- name: router
  when: kind == "router"
  set: {index: web}

- name: secrets
  redact: [bearer, credit_card, {pattern: 'sk_live_\w+', with: '***'}, {preset: email, hmac: true}]

- name: the shop's own JSON
  apps: [shop, shop-staging]
  when: kind == "app" && process == "web"
  parse: json
  set: {sourcetype: shop, time: '{{ fields.ts }}'}
  fields:
    add: {user: '{{ fields.user.id }}', place: '{{ app }}/{{ dyno }}'}
    remove: [tmp_*]
  body: json

- name: measurements
  when: kind == "system"
  metrics: both
  metrics_index: heroku_metrics

- name: one of ten requests without an error
  when: kind == "router" && fields.status < 400
  sample: {rate: 10, key: fields.request_id}

- name: no app drowns the others
  limit: {events: 2000, key: app, over: sample, rate: 100}

- name: errors are for Splunk alone
  when: code matches "^[HR][0-9]+$" || severity <= 3
  to: [splunk]
  stop: true`

var ruleKeys = slices.Concat(
	[]key{
		{
			path: rules, entries: ruleExamples,
			doc: "What is done to every event, in order; files that are included add to the list, behind the file that includes them. " +
				"A rule's actions follow each other as parse, set, fields, body, redact, format, metrics, sample, limit, drop, to, stop. " +
				"Neither environment nor flags can give entries.",
		},
		{
			path: oneRule,
			doc:  "One rule: a name, a condition and what is done to the events that meet it, at least one thing.",
		},
		{
			path: oneRule + ".name", kind: text("1 to 64 characters without control characters", isRuleName), required: true,
			doc:     "What metrics, marks and messages call the rule. It is given once in all files.",
			example: "every key",
		},
		{
			path: oneRule + ".apps", kind: listOf(appsRule, 0, as(appName.MatchString)),
			doc: "The apps that the rule is for, which a file with apps of its own limits further. Empty is any.", example: "[shop, shop-staging]",
		},
		{
			path: oneRule + ".when", kind: expression(),
			doc: "What must be true of an event, in the language of expr-lang.org; empty is always true. Known are the texts kind, code, " +
				"level, app, dyno, process, host, source, sourcetype, index, message, drain, credential, door and request_id, the numbers " +
				"facility and severity, time, the maps fields (what was parsed), indexed and query, and the list marks. " +
				"What an event does not have equals nil and is empty text.",
			example: `kind == "router" && fields.status >= 500`,
		},
		{
			path: oneRule + ".parse", kind: optional(parseMode()),
			doc: "How the line of an app becomes fields: `auto` tries JSON and then logfmt, and the groups of a regular expression " +
				"are named as the fields. Lines of Heroku itself are always parsed. Parsing changes nothing of the text that is sent.",
			example: `^(?P<verb>[A-Z]+) (?P<path>\S+)$`,
		},
		{
			path: oneRule + ".set", kind: settings(), show: true,
			doc: "What the event gets in place of its own. `{{ }}` holds an expression; what comes to nothing changes nothing. " +
				"`token` is the name of one of ingest.hec.tokens, or a template such as '{{ credential }}', and the event is sent to Splunk " +
				"with that token in place of the destination's.",
			example: "{index: web, source: '{{ app }}/{{ process }}'}",
		},
	},
	fieldChangeKeys,
	[]key{
		{
			path: oneRule + ".body", kind: optional(text(BodyJSON, func(s string) bool { return s == BodyJSON })),
			doc: "Sends the fields that were parsed, as JSON, in place of the text.",
		},
		{
			path: oneRule + ".format", kind: optional(format()),
			doc: "What Splunk shows as _raw, over what the drain says; a destination's format is over both.",
		},
		{
			path: oneRule + ".redact", kind: redactions(),
			doc: "What is replaced in text, fields and parsed JSON: presets by name, or {preset or pattern, with or hmac}. Of a pattern " +
				"all that it matches is replaced, or what its named groups match where it has some; `with` is *** unless it is given; `hmac: true` takes an HMAC made with redaction.key, so that equal values stay equal. " +
				"An event whose redaction fails becomes a dead letter.",
			example: "[bearer, {pattern: 'sk_live_[0-9a-z]+', with: '***'}, {preset: email, hmac: true}]",
		},
		{
			path: oneRule + ".metrics", kind: optional(choice(MetricsEvents, MetricsMetrics, MetricsBoth)),
			doc: "What becomes of lines that measure something: events as they are, HEC's multi-metric events, or both.",
		},
		{
			path: oneRule + ".metrics_index", kind: optional(indexName()),
			doc: "The index of those metrics, which must be one for metrics.", example: "heroku_metrics",
		},
	},
	sampleKeys, limitKeys,
	[]key{
		{
			path: oneRule + ".drop", kind: boolean(), def: off,
			doc: "Drops the event, and counts it.",
		},
		{
			path: oneRule + ".to", kind: listOf(namesRule, 0, as(namePattern.MatchString)),
			doc: "Destinations that get the event, beside those whose `when` it meets and those that its drain names. A destination " +
				"without `when` gets only what nobody names destinations for.",
		},
		{
			path: oneRule + ".stop", kind: boolean(), def: off,
			doc: "Applies no further rule to the event.",
		},
		{
			path: oneRule + ".on_error", kind: choice(OnErrorKeep, OnErrorDead), def: OnErrorKeep,
			doc: "What becomes of an event when the rule fails: `keep` leaves it as it was before the rule, with the indexed field " +
				"drainline_rule_error; `dead` makes it a dead letter.",
		},
	},
)

var fieldChangeKeys = []key{
	{path: oneRule + ".fields", doc: "Changes of the indexed fields: first rename, then remove, then add."},
	{
		path: oneRule + ".fields.add", kind: templateMap(),
		doc: "Fields with their values. A value that is one `{{ }}` and nothing else keeps its type.", example: "{status: '{{ fields.status }}'}",
	},
	{
		path: oneRule + ".fields.remove", kind: listOf("a list of different names of fields, with * for any part of one", 0, as(isWords)),
		doc: "Fields that go.", example: "[tmp_*, heroku_dyno]",
	},
	{
		path: oneRule + ".fields.rename", kind: fieldNames(),
		doc: "Old names with their new ones.", example: "{request: request_path}",
	},
}

var sampleKeys = []key{
	{
		path: oneRule + ".sample",
		doc:  "Keeps one event of some. Those that are kept say so in the indexed field sample_rate.",
	},
	{
		path: oneRule + ".sample.rate", kind: number(minRate, maxRate), required: true,
		doc: "Of how many events one is kept.", example: "10",
	},
	{
		path: oneRule + ".sample.key", kind: expression(),
		doc:     "An expression: events for which it gives the same are kept or dropped together. Empty takes each event by itself.",
		example: "fields.request_id",
	},
}

var limitKeys = []key{
	{
		path: oneRule + ".limit",
		doc:  "Bounds what comes in a second, by the time at which it was received. Each instance counts for itself.",
	},
	{
		path: oneRule + ".limit.events", kind: number(0, 100_000_000), show: true,
		doc: "The most events a second of each key. 0 is any number.", example: "2000",
	},
	{
		path: oneRule + ".limit.bytes", kind: sizeOrZero(1<<10, 1<<40), def: "0",
		doc: "The most bytes of text a second of each key. 0 is any number.",
	},
	{
		path: oneRule + ".limit.key", kind: expression(),
		doc: "An expression: what it gives is what is counted by. Empty is app.", example: "app + process",
	},
	{
		path: oneRule + ".limit.over", kind: choice(OverDrop, OverSample, OverDead), def: OverDrop,
		doc: "What becomes of events over the limit: dropped, kept one of rate, or dead letters.",
	},
	{
		path: oneRule + ".limit.rate", kind: numberOrZero(minRate, maxRate),
		doc: "With `over: sample`, of how many events over the limit one is kept.", example: "100",
	},
}

// The bounds of how many events one is kept of.
const (
	minRate = 2
	maxRate = 1_000_000
)

var unroutedKeys = []key{{
	path: unroutedKey, kind: optional(choice(UnroutedDrop, UnroutedDead)),
	doc: "What becomes of events that no destination wants: dropped and counted, or dead letters. It must be said once every " +
		"destination has a `when`.",
}}

// format is what _raw looks like.
func format() kind { return choice(FormatText, FormatSplunkRaw, FormatVector, FormatJSON) }

const formatDoc = "`text` is the message, `splunk_raw` what posting Logplex bodies to HEC's raw endpoint shows, `vector` the JSON object of " +
	"Vector's sink, `json` the parsed fields."

func isRuleName(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= 64 && !strings.ContainsFunc(s, unicode.IsControl)
}

// settable are the keys of Rule.Set.
var settable = []string{"host", "source", "sourcetype", "index", "time", "message", "token"}

// settings are templates for what an event has exactly once.
func settings() kind {
	k := textMap("a map of "+alternatives(settable)+" to text "+textInRules+" (numbers in quotes)", func(name, value string) bool {
		return slices.Contains(settable, name) && isSource(value)
	})
	k.reason = func(raw any) string {
		pairs, _ := toPairs(raw)
		return strangeName(pairs, settable)
	}
	return k
}

func templateMap() kind {
	const rule = "a map of names of 1 to 64 letters, digits and _.:- to text " + textInRules + " (numbers in quotes)"
	return textMap(rule, func(name, value string) bool { return fieldName.MatchString(name) && isSource(value) })
}

func fieldNames() kind {
	const rule = "a map of names to names of 1 to 64 letters, digits and _.:-"
	return textMap(rule, func(from, to string) bool { return isWords(from) && fieldName.MatchString(to) })
}
