package config

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// keys is the one declaration of everything that can be set, in the order of
// the Config's fields. Defaults, parsing, validation, the names in the
// environment, the reference and drainline.yaml all come from it.
var keys = slices.Concat(
	[]key{{
		path: versionKey, kind: schemaVersion(), def: strconv.Itoa(SchemaVersion),
		doc: "The version of what can be set, so that an older Drainline refuses the files of a newer one. " +
			"Each file may say its own; one that does not is of version 1.",
	}, {
		path: includeKey,
		kind: listOf("a list of different file names or patterns such as drains.d/*.yaml", 0, as(isPath)),
		doc: "Further files to read, relative to the folder of this file. Sections merge; the same key or name in two " +
			"of these files is an error. Only in files given on the command line.",
		example: "[destinations.d/*.yaml, rules.d/*.yaml]",
	}, {
		path: appsKey,
		kind: listOf(appsRule+", at least one", 1, as(appName.MatchString)),
		doc: "Limits the rules of this file to events of these apps, so that a team's rules cannot touch another's. A file that says so " +
			"holds rules and nothing else, and no environment variables. What its rules do with those events (index, destinations) is theirs " +
			"to say.",
		example: "[shop, shop-staging]",
	}},
	busKeys, ingestKeys, drainKeys, joinKeys, redactionKeys, ruleKeys, unroutedKeys, destinationKeys, inspectorKeys, telemetryKeys, adminKeys,
)

var inspectorKeys = []key{
	{path: "inspector", place: true, doc: "A page that shows what would reach Splunk."},
	{
		path: "inspector.listen", kind: address(), def: "127.0.0.1:8089", restart: true,
		doc: "Where the page is served. It shows log lines to whoever can open it.",
	},
	{
		path: "inspector.max_events", kind: count(1_000_000), def: "10000", restart: true,
		doc: "How many of the latest events are kept, in memory.",
	},
}

var telemetryKeys = []key{
	{path: "telemetry", doc: "What Drainline tells of itself."},
	{path: "telemetry.traces", doc: "One trace follows a request from the door to Splunk (OpenTelemetry)."},
	{
		path: "telemetry.traces.otlp", kind: optional(otlpURL()), restart: true, example: "http://127.0.0.1:4318",
		doc: "Where spans are sent. Without it, the standard OTEL_* variables say where, and without those no spans are made. " +
			"OTEL_EXPORTER_OTLP_HEADERS and OTEL_EXPORTER_OTLP_CERTIFICATE count in both cases.",
	},
	{
		path: "telemetry.traces.sample", kind: percentage(), def: "1", restart: true,
		doc: "How many of the requests that bring no decision of their own begin a trace, in percent. OTEL_TRACES_SAMPLER comes before it.",
	},
	{
		path: "telemetry.traces.field", kind: optional(text("1 to 64 letters, digits and _.:-", fieldName.MatchString)), example: "trace_id",
		doc: "An indexed field that events of traced requests get, with the id of their trace. Without it there is none.",
	},
	{path: "telemetry.metrics", doc: "Prometheus finds metrics at admin.listen, path /metrics. They can be pushed as well."},
	{
		path: "telemetry.metrics.otlp", kind: optional(otlpURL()), restart: true, example: "http://127.0.0.1:4318",
		doc: "Where metrics are sent, as telemetry.traces.otlp.",
	},
	{
		path: "telemetry.metrics.interval", kind: duration(time.Second, time.Hour), def: "1m", restart: true,
		doc: "How often they are sent.",
	},
	{path: "telemetry.logs", doc: "Drainline's own log, on standard error."},
	{
		path: "telemetry.logs.level", kind: choice("debug", "info", "warn", "error"), def: "info",
		doc: "The least important record that is written.",
	},
	{
		path: "telemetry.logs.format", kind: choice("text", "json"), def: "text", restart: true,
		doc: "How a record is written.",
	},
	{
		path: "telemetry.logs.otlp", kind: optional(otlpURL()), restart: true, example: "http://127.0.0.1:4318",
		doc: "Where its records are sent as well, as telemetry.traces.otlp.",
	},
	{path: "telemetry.ledger", doc: "The books of what became of every event, by hour: `drainline ledger` shows them."},
	{
		path: "telemetry.ledger.keep", kind: duration(day, maxKeep), def: "720h",
		doc: "For how long they are kept.",
	},
}

var adminKeys = []key{
	{path: "admin", place: true, doc: "Health, metrics and profiles: /healthz, /readyz, /metrics."},
	{
		path: "admin.listen", kind: address(), def: "127.0.0.1:9600", restart: true,
		doc: "Where they are served.",
	},
	{
		path: "admin.pprof", kind: boolean(), def: off, restart: true,
		doc: "Serves Go's profiles under /debug/pprof as well.",
	},
}

// clientTLS are the keys of a ClientTLS below the section of that path.
func clientTLS(section, doc string) []key {
	return []key{
		{path: section, doc: doc},
		{
			path: section + ".ca_file", kind: optional(filePath()),
			doc:     "Certificates of the authorities to trust (PEM), in place of the system's.",
			example: "/etc/drainline/ca.pem",
		},
		{
			path: section + ".cert_file", kind: optional(filePath()),
			doc: "A certificate to show to the server (PEM), together with key_file.",
		},
		{
			path: section + ".key_file", kind: optional(filePath()),
			doc: "The private key of cert_file (PEM).",
		},
		{
			path: section + ".server_name", kind: optional(text("a host name", hostName.MatchString)),
			doc: "The name that the server's certificate must have, where it is not the host's.",
		},
		{
			path: section + ".min_version", kind: tlsVersion(), def: tls12,
			doc: "The oldest version of TLS that is spoken.",
		},
		{
			path: section + ".insecure_skip_verify", kind: boolean(), def: off,
			doc: "Takes any certificate. Whoever is on the way can then read and change everything: for trials only.",
		},
	}
}

// encryption are the keys of encryption at rest below the section of that path.
func encryption(section, what, name string) []key {
	return []key{
		{
			path: section + ".encryption_key", kind: secret(longSecretRule, longSecret.MatchString), place: true,
			doc: "The key with which " + what + " is encrypted on the disk, such as 32 random bytes in base64. Give this or " +
				"encryption_key_file before the first start: a folder that was written without a key, or with another, is refused.",
			example: "${" + strings.ToUpper(name) + "_ENCRYPTION_KEY}",
		},
		{
			path: section + ".encryption_key_file", kind: optional(filePath()), place: true,
			doc:     "A file that holds the key.",
			example: "/run/secrets/" + name + "_encryption_key",
		},
	}
}

const (
	day = 24 * time.Hour
	// maxKeep is more than anybody asks the books about.
	maxKeep   = 366 * day
	maxWait   = 10 * time.Minute
	minStream = Bytes(1 << 20)
	maxStream = Bytes(1 << 49)
)

// streamSize is the size of a stream on the bus.
func streamSize() kind { return sizeOrZero(minStream, maxStream) }

const indexRule = "1 to 255 lower case letters, digits, _ and -, not beginning with -"

func indexName() kind { return text(indexRule, index.MatchString) }

func indexNames() kind {
	return listOf("a list of different names of indexes, each of "+indexRule, 0, as(index.MatchString))
}

// words is text for people, such as a source.
func words() kind {
	return text("text of at most 1000 bytes without control characters", isWords)
}

const maxWords = 1000 // bytes

func isWords(s string) bool {
	return s != "" && len(s) <= maxWords && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// fieldMap are indexed fields with their values.
func fieldMap() kind {
	const rule = "a map of names of 1 to 64 letters, digits and _.:- to text of at most 1000 bytes without control characters " +
		"(numbers in quotes)"
	return textMap(rule, func(name, value string) bool {
		return fieldName.MatchString(name) && (value == "" || isWords(value))
	})
}

// hecToken is what stands in an Authorization header after `Splunk`.
func hecToken() kind {
	return secret("1 to 1000 visible characters without spaces, and not the placeholder "+redacted, isToken)
}

// isToken refuses what `config print` shows in place of a token, which would
// otherwise come back with a configuration that was printed and reused.
func isToken(s string) bool { return visible.MatchString(s) && s != redacted }

func filePath() kind { return text("a file's path", isPath) }

func folderPath() kind { return text("a folder's path", isPath) }

func isPath(s string) bool { return s != "" && !strings.ContainsFunc(s, unicode.IsControl) }

var (
	// The characters that a URL carries before the host without escaping (RFC
	// 3986, userinfo). A colon separates user and secret, and Logplex cannot
	// use a drain URL that has another one.
	userinfo = regexp.MustCompile(`^[A-Za-z0-9._~!$&'()*+,;=-]{1,256}$`)

	// What an HTTP header can carry without quoting or loss.
	visible = regexp.MustCompile(`^[!-~]{1,1000}$`)

	urlPath = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)

	fieldGlob = regexp.MustCompile(`^[A-Za-z0-9_.*-]{1,64}$`)

	indexedGlob = regexp.MustCompile(`^[A-Za-z0-9_.:*-]{1,64}$`)

	fieldName = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

	appName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

	drainToken = regexp.MustCompile(`^[!-~]{1,128}$`)

	// Splunk's own indexes, such as _internal, begin with an underscore.
	index = regexp.MustCompile(`^[a-z0-9_][a-z0-9_-]{0,254}$`)
)

// isURLPath takes paths as net/http's router sees them: it would redirect
// any other spelling, and Logplex does not follow. /healthz is for load balancers.
func isURLPath(s string) bool { return urlPath.MatchString(s) && path.Clean(s) == s && s != "/healthz" }
