package config

import (
	"slices"
	"time"
)

// maxHold leaves the rest of the five seconds that Logplex waits for an answer.
const maxHold = 4500 * time.Millisecond

var ingestKeys = slices.Concat(
	[]key{
		{path: "ingest", doc: "Where logs come in."},
		{
			path: "ingest.hold", kind: duration(0, maxHold), def: "4s",
			doc: "How long a request is held, from the end of its headers, while the bus cannot take it. Logplex waits five seconds for an answer.",
		},
		{
			path: "ingest.behind_proxy", kind: boolean(), def: off,
			doc: "Whether a proxy or router stands before the doors. Without one the Logplex door closes its listener while the bus " +
				"takes nothing, since a refused connection costs Logplex no try; behind one it never does, since a proxy answers 502 at once: " +
				"ingest then also starts while the bus is away.",
		},
		{
			path: "ingest.shutdown_delay", kind: duration(0, maxWait), def: "0s",
			doc: "How long ingest goes on serving after SIGTERM, with `Connection: close`, so that load balancers notice.",
		},
		{
			path: "ingest.public_url", kind: optional(httpURL()),
			doc:     "How senders reach ingest: what the drain URL begins with that is printed at start.",
			example: "https://logs.example.com",
		},
		{
			path: "ingest.spool", restart: true,
			doc: "A small store beside ingest that takes requests while the bus cannot, and forwards them when it can. It does not help " +
				"HEC tokens with ack: their ackIds come from the bus, so their clients get 503 meanwhile.",
		},
		{
			path: "ingest.spool.dir", kind: optional(folderPath()), place: true,
			doc:     "The folder of the store, relative to the working directory. Empty is no store. It must outlive the process.",
			example: "/var/lib/drainline/spool",
		},
		{
			path: "ingest.spool.max_bytes", kind: streamSize(), def: "0",
			doc: "The most that the store may hold. 0 leaves it at 70 % of the free disk.",
		},
	},
	encryption("ingest.spool", "all that the store holds", "spool"),
	[]key{
		{path: "ingest.identity", doc: "How the app of a line is found."},
		{
			path: "ingest.identity.app_from",
			kind: wordList(AppFromDrain, AppFromPath, AppFromQuery, AppFromHostname, AppFromCredential, AppFromToken),
			def:  "drain,path,query,hostname,credential,token",
			doc: "Where the name is taken from, the first that gives one: the entry under drains, the path (/logs/shop), the query " +
				"(?app=shop), the frame's hostname, the credential's name, the drain token.",
		},
	},
	logplexKeys, hecKeys,
)

var logplexKeys = slices.Concat(
	[]key{
		{path: "ingest.logplex", doc: "The door for Heroku's log drains."},
		{
			path: "ingest.logplex.listen", kind: address(), def: ":8080", restart: true, place: true,
			doc: "Where the door listens.",
		},
	},
	serverTLS("ingest.logplex.tls"),
	[]key{
		{
			path: "ingest.logplex.paths",
			kind: listOf("a list of different URL paths other than /healthz that begin with / and do not end with it, at least one", 1, as(isURLPath)),
			def:  "/logs,/events,/heroku/api/v1/drain",
			doc: "The paths that take logs: Drainline's own, Vector's, and the one of Alloy and Promtail, so that a drain moves " +
				"over by its host. One more segment is the app's name: /logs/shop.",
		},
		{
			path: "ingest.logplex.max_body", kind: size(64<<10, 64<<20), def: "8MiB",
			doc: "The largest body of one request, after decompression.",
		},
	},
	limits("ingest.logplex.limits", "20s", "Logplex sends small bodies and gives up after five seconds."),
	[]key{
		{
			path: "ingest.logplex.unknown_drains", kind: optional(choice(AcceptDrains, QuarantineDrains, RejectDrains)),
			doc: "What is done with requests of drains that are not listed under drains: quarantine takes them, marks them and lists " +
				"them in `drainline status`; reject loses them. Empty quarantines once any drain is listed, and accepts before.",
		},
		{
			path: "ingest.logplex.unknown_index", kind: optional(indexName()),
			doc:     "The index of events from drains that are not listed, while they are in quarantine.",
			example: "unknown_drains",
		},
		{
			path: "ingest.logplex.query_fields",
			kind: listOf("a list of different names of letters, digits, _, . and -, with * for any part of one", 0, as(fieldGlob.MatchString)),
			def:  "app,env",
			doc: "Which parameters of a drain URL's query are kept with its events. A * stands for any characters, " +
				"as in utm_*.",
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
			path: credentials + ".*.secret", kind: secret(userinfoRule, userinfo.MatchString), required: true,
			doc: "The secret in the drain URL, https://user:secret@host/logs. Give this or secret_file.", example: "${TEAM_A_SECRET}",
		},
		{
			path: credentials + ".*.secret_file", kind: optional(filePath()),
			doc:     "A file that holds the secret. It is read again when it changes.",
			example: "/run/secrets/team_a",
		},
		{
			path: credentials + ".*.previous_secret", kind: secret(userinfoRule, userinfo.MatchString),
			doc: "A secret that is taken as well, so that drains can change to a new one without a gap.", example: "${TEAM_A_OLD_SECRET}",
		},
		{
			path: credentials + ".*.previous_secret_file", kind: optional(filePath()),
			doc:     "A file that holds it, or nothing. It is read again when it changes.",
			example: "/run/secrets/team_a_old",
		},
		{
			path: credentials + ".*.apps",
			kind: listOf(appsRule, 0, as(appName.MatchString)),
			doc:  "The apps that it may speak for. Empty is any.", example: "[shop, shop-staging]",
		},
		{
			path: credentials + ".*.structured_data", kind: choice(StructuredDataAuto, StructuredDataNever, StructuredDataAlways),
			def: StructuredDataAuto,
			doc: "Whether frames carry RFC 5424's structured data. Logplex leaves it out, log-shuttle writes a dash in its place; auto " +
				"goes by the sender.",
		},
	},
	rate(credentials+".*.rate", "What is above waits, and is then taken with a mark: refusing would lose it."),
)

const (
	userinfoRule = "1 to 256 characters that a URL can carry there as they are: letters, digits and ._~!$&'()*+,;=-"
	appRule      = "1 to 64 letters, digits and ._-"
)

// serverTLS are the keys of a ServerTLS.
func serverTLS(section string) []key {
	return []key{
		{
			path: section, restart: true,
			doc: "Serves HTTPS. Without it the door speaks plain HTTP and belongs behind a proxy or router that does. " +
				"A renewed certificate is read when its files change.",
		},
		{
			path: section + ".cert_file", kind: optional(filePath()),
			doc:     "The certificate with its chain (PEM), together with key_file.",
			example: "/etc/drainline/tls.crt",
		},
		{
			path: section + ".key_file", kind: optional(filePath()),
			doc: "The private key of cert_file (PEM).",
		},
		{
			path: section + ".client_ca_file", kind: optional(filePath()),
			doc:     "The authorities of clients (PEM). With it only clients get in that show a certificate of theirs.",
			example: "/etc/drainline/clients.pem",
		},
		{
			path: section + ".min_version", kind: tlsVersion(), def: tls12,
			doc: "The oldest version of TLS that is spoken.",
		},
	}
}

// limits are the keys of a Limits.
func limits(section, upload, uploadReason string) []key {
	return []key{
		{path: section, doc: "What senders can take of the door."},
		{
			path: section + ".connections", kind: count(1_000_000), def: "10240", restart: true,
			doc: "The most connections that are open. Further ones wait until one closes.",
		},
		{
			path: section + ".requests", kind: count(1_000_000), def: "2048",
			doc: "The most requests that are worked on at a time.",
		},
		{
			path: section + ".header", kind: size(4<<10, 1<<20), def: "32KiB", restart: true,
			doc: "The largest header of a request.",
		},
		{
			path: section + ".compressed", kind: size(64<<10, 64<<20), def: "8MiB",
			doc: "The largest body of a request as it is sent, before decompression.",
		},
		{
			path: section + ".upload", kind: duration(time.Second, maxWait), def: upload, restart: true,
			doc: "How long a request may take to arrive. " + uploadReason,
		},
	}
}

// rate are the keys of a Rate.
func rate(section, above string) []key {
	return []key{
		{path: section, doc: "How much may come in a second, on each instance. " + above},
		{
			path: section + ".requests", kind: number(0, 1_000_000), def: "0",
			doc: "The most requests a second. 0 is any number.",
		},
		{
			path: section + ".bytes", kind: sizeOrZero(1<<10, 1<<40), def: "0",
			doc: "The most bytes of bodies a second. 0 is any number.",
		},
	}
}
