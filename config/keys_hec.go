package config

import (
	"slices"
	"time"
)

const (
	hec    = "ingest.hec"
	tokens = hec + ".tokens"
)

var hecKeys = slices.Concat(
	[]key{
		{path: hec, doc: "The door for clients of Splunk's HTTP Event Collector."},
		{
			path: hec + ".listen", kind: address(), def: ":8088", restart: true, place: true,
			doc: "Where the door listens.",
		},
	},
	serverTLS(hec+".tls"),
	[]key{
		{
			path: hec + ".max_body", kind: size(64<<10, 64<<20), def: "8MiB",
			doc: "The largest body of one request, after decompression (in Splunk's limits.conf: max_content_length).",
		},
		{
			path: hec + ".max_event", kind: size(1<<10, 768<<10), def: "512KiB",
			doc: "The largest event (in Splunk's inputs.conf: maxEventSize). It must fit into one message on the bus, and NATS takes " +
				"messages of 1 MiB.",
		},
		{
			path: hec + ".max_events", kind: count(10_000_000), def: "100000",
			doc: "The most events in a request.",
		},
		{
			path: hec + ".max_depth", kind: number(8, 10_000), def: "256",
			doc: "How deep objects and lists may stand in each other.",
		},
	},
	limits(hec+".limits", "60s", "Splunk waits more than half a minute for a body, and clients have come to count on it."),
	[]key{
		{
			path: hec + ".trusted_proxies", kind: networks(),
			doc:     "The proxies whose X-Forwarded-For tells the client's address. Empty trusts none.",
			example: "[10.0.0.0/8]",
		},
		{
			path: hec + ".acks", restart: true,
			doc: "The bounds of indexer acknowledgement, with Splunk's defaults (limits.conf [http_input], inputs.conf [http]).",
		},
		{
			path: hec + ".acks.channels", kind: count(1_000_000), def: "1000000",
			doc: "The most channels (limits.conf: max_number_of_ack_channel).",
		},
		{
			path: hec + ".acks.pending", kind: count(10_000_000), def: "10000000",
			doc: "The most requests whose fate nobody has asked for (limits.conf: max_number_of_acked_requests_pending_query). Each " +
				"takes about 170 bytes of memory, 330 on a channel of its own. The bus keeps about the latest 500,000 (128 MiB of " +
				"notes): what is older is not known after a restart, and clients send it again.",
		},
		{
			path: hec + ".acks.pending_per_channel", kind: count(10_000_000), def: "1000000",
			doc: "The same for one channel (limits.conf: max_number_of_acked_requests_pending_query_per_ack_channel).",
		},
		{
			path: hec + ".acks.idle", kind: duration(time.Second, 24*time.Hour), def: "10m",
			doc: "When a channel that nobody uses is forgotten, with all that is pending on it (inputs.conf: maxIdleTime). A channel " +
				"with events that are still on their way is in use, for up to 24 hours.",
		},
		{
			path: tokens,
			doc:  "Who may send, by a name of your choice, with what Splunk's inputs.conf can say of a token.",
		},
		{path: tokens + ".*", doc: "One token. Events of its clients have `http:` and this name as source unless another is given."},
		{
			path: tokens + ".*.token", kind: hecToken(), required: true,
			doc: "The token itself, a UUID or any other text. Give this or token_file.", example: "${WEB_TOKEN}",
		},
		{
			path: tokens + ".*.token_file", kind: optional(filePath()),
			doc:     "A file that holds the token. It is read again when it changes.",
			example: "/run/secrets/web",
		},
		{
			path: tokens + ".*.disabled", kind: boolean(), def: off,
			doc: "Refuses the token as disabled, which clients are told.",
		},
		{
			path: tokens + ".*.index", kind: optional(indexName()),
			doc:     "The index of events that name none.",
			example: "web",
		},
		{
			path: tokens + ".*.indexes", kind: indexNames(),
			doc: "The indexes that events may name. Empty is any.", example: "[web, web_errors]",
		},
		{
			path: tokens + ".*.source", kind: optional(words()),
			doc: "The source of events that name none.",
		},
		{
			path: tokens + ".*.sourcetype", kind: optional(words()),
			doc: "The sourcetype of events that name none.", example: "httpevent",
		},
		{
			path: tokens + ".*.host", kind: optional(words()),
			doc: "The host of events that name none. Empty is the client's address.",
		},
		{
			path: tokens + ".*.fields", kind: fieldMap(),
			doc: "Indexed fields that every event gets unless it has them.", example: "{env: prod, team: web}",
		},
		{
			path: tokens + ".*.allow", kind: networks(),
			doc:     "The networks that clients may be in. Empty is any.",
			example: "[10.0.0.0/8, 192.0.2.17]",
		},
		{
			path: tokens + ".*.ack", kind: boolean(), def: off,
			doc: "Gives every request an ackId, which turns true when its events have reached all destinations (useACK in inputs.conf). " +
				"Clients must then send a channel. The bus itself counts ackIds: while it is away they get 503, even with a spool.",
		},
		{
			path: tokens + ".*.query_string_auth", kind: boolean(), def: off,
			doc: "Also takes the token as ?token= (allowQueryStringAuth in inputs.conf). Proxies tend to log it there.",
		},
		{
			path: tokens + ".*.split_arrays", kind: boolean(), def: off,
			doc: "Makes an event that is a list of objects one event each.",
		},
	},
	rate(tokens+".*.rate", "What is above is refused with 429, and clients come again."),
)
