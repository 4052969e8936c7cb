package config

import "time"

// maxHold leaves the rest of the five seconds that Logplex waits for an answer.
const maxHold = 4500 * time.Millisecond

var ingestKeys = []key{
	{path: "ingest", doc: "Where logs come in."},
	{
		path: "ingest.hold", kind: duration(0, maxHold), def: "4s",
		doc: "How long a request is held, from the end of its headers, while the bus cannot take it. Logplex waits five seconds for an answer.",
	},
	{
		path: "ingest.public_url", kind: optional(httpURL()),
		doc:     "How senders reach ingest: what the drain URL begins with that is printed at start.",
		example: "https://logs.example.com",
	},
	{path: "ingest.logplex", doc: "The door for Heroku's log drains."},
	{
		path: "ingest.logplex.listen", kind: address(), def: ":8080", restart: true,
		doc: "Where the door listens.",
	},
	{
		path: "ingest.logplex.tls", restart: true,
		doc: "Serves HTTPS. Without it the door speaks plain HTTP and belongs behind a proxy or router that does.",
	},
	{
		path: "ingest.logplex.tls.cert_file", kind: optional(filePath()),
		doc:     "The certificate with its chain (PEM), together with key_file.",
		example: "/etc/drainline/tls.crt",
	},
	{
		path: "ingest.logplex.tls.key_file", kind: optional(filePath()),
		doc: "The private key of cert_file (PEM).",
	},
	{
		path: "ingest.logplex.paths",
		kind: listOf("a list of different URL paths that begin with / and do not end with it, at least one", 1, as(isURLPath)),
		def:  "/logs,/events",
		doc:  "The paths that take logs. One more segment is the app's name: /logs/shop.",
	},
	{
		path: "ingest.logplex.max_body", kind: size(64<<10, 64<<20), def: "8MiB",
		doc: "The largest body of one request, after decompression.",
	},
	{
		path: "ingest.logplex.query_fields",
		kind: listOf("a list of different names of letters, digits, _, . and -", 0, as(fieldName.MatchString)),
		def:  "app,env",
		doc:  "Which parameters of a drain URL's query are kept with its events.",
	},
	{
		path: credentials,
		doc: "Who may send, by a name of your choice. Without any, one is made at start and its drain URL is printed. " +
			"The name `default` is reserved for that one and for DRAINLINE_DRAIN_SECRET.",
	},
	{path: credentials + ".*", doc: "One sender or one group of senders."},
	{
		path: credentials + ".*.user", kind: optional(text(userinfoRule, userinfo.MatchString)),
		doc:     "The user that the printed drain URL shows. The secret alone lets a drain in, in either place.",
		example: "team_a",
	},
	{
		path: credentials + ".*.secret", kind: secret(userinfoRule, userinfo.MatchString),
		doc: "The secret in the drain URL, https://user:secret@host/logs. Give this or secret_file.", example: "${TEAM_A_SECRET}",
	},
	{
		path: credentials + ".*.secret_file", kind: optional(filePath()),
		doc:     "A file that holds the secret. It is read again when it changes.",
		example: "/run/secrets/team_a",
	},
}

const userinfoRule = "1 to 256 characters that a URL can carry there as they are: letters, digits and ._~!$&'()*+,;=-"
