package config

import (
	"slices"
	"time"
)

const destination = "destinations.*"

var destinationKeys = slices.Concat(
	[]key{
		{
			path: "destinations",
			doc: "Where events go, by a name of your choice, each with a stream of its own. " +
				"SPLUNK_HEC_URL and SPLUNK_HEC_TOKEN make or complete the one called splunk.",
		},
		{path: destination, doc: "One Splunk HTTP Event Collector, alone or as several endpoints of a cluster."},
		{
			path: destination + ".type", kind: choice(TypeSplunkHEC, TypeDiscard), def: TypeSplunkHEC,
			doc: "`splunk_hec` sends events to Splunk. `discard` is for shadow runs: it takes events, encodes and counts them, and sends " +
				"nothing, whatever else is set.",
		},
		{
			path: destination + ".urls", kind: collectorURLs(), required: true, ofType: TypeSplunkHEC,
			doc:     "The endpoints, with or without /services/collector.",
			example: "[https://splunk.example.com:8088]",
		},
		{
			path: destination + ".token", kind: hecToken(), required: true, ofType: TypeSplunkHEC,
			doc: "The HEC token. Give this or token_file.", example: "${SPLUNK_HEC_TOKEN}",
		},
		{
			path: destination + ".token_file", kind: optional(filePath()),
			doc:     "A file that holds the token. It is read again when it changes.",
			example: "/run/secrets/splunk",
		},
		{
			path: destination + ".when", kind: expression(),
			doc: "What must be true of an event that goes here, as in a rule. Empty takes every event for which no rule and no drain " +
				"names destinations. It adds to, and never narrows, what goes to destinations without one; an event " +
				"for this one alone wants a rule with `to`.",
			example: `kind == "router"`,
		},
	},
	eventKeys, indexKeys, sizeKeys, requestKeys, paceKeys, ackKeys, connectionKeys,
	clientTLS(destination+".tls", "How connections to the endpoints are secured."),
)

// eventKeys say what an event looks like in Splunk.
var eventKeys = []key{
	{
		path: destination + ".endpoint", kind: choice(EndpointEvent, EndpointRaw), def: EndpointEvent,
		doc: "`event` sends each event with its own time and metadata. `raw` sends what would be _raw as lines to " +
			"/services/collector/raw, where Splunk breaks and times them by the sourcetype's props; host, source, sourcetype and index go " +
			"as query, and indexed fields are not sent. Metrics go to the event endpoint even so.",
	},
	{
		path: destination + ".format", kind: optional(format()),
		doc: "What Splunk shows as _raw at this destination, whatever rules and drain say. " + formatDoc + " Empty leaves it to them.",
	},
	{
		path: destination + ".indexed_fields", def: "*",
		kind: listOf("a list of different names of 1 to 64 letters, digits and _.:-, with * for any part of one", 0, as(indexedGlob.MatchString)),
		doc:  "The indexed fields that are sent. An empty list sends none; metrics keep all theirs.", example: `[app, dyno, "heroku_*"]`,
	},
}

var indexKeys = []key{
	{
		path: destination + ".indexes", kind: indexNames(),
		doc: "The indexes that exist in Splunk; empty checks none. Where a token has no list of indexes of its own, Splunk answers " +
			"200 to an event for an index that does not exist and throws it away. List them, and events for another are caught before they are sent.",
		example: "[main, web]",
	},
	{
		path: destination + ".on_unknown_index", kind: choice(IndexSend, IndexFallback, IndexDead, IndexPark), def: IndexDead,
		doc: "What becomes of an event for an index that is not listed, or that Splunk refuses (code 7): `dead` makes it a dead letter, " +
			"`fallback` sends it to fallback_index with the wanted name in the indexed field wanted_index, `park` sends nothing " +
			"more until somebody has put it right. `send` sends what is not listed even so; what Splunk refuses is then a dead letter.",
	},
	{
		path: destination + ".fallback_index", kind: optional(indexName()),
		doc: "Where `on_unknown_index: fallback` sends them, one of indexes where those are listed.", example: "main",
	},
}

var sizeKeys = []key{
	{
		path: destination + ".max_event", kind: size(10e3, 64e6), def: "5MB",
		doc: "The largest event, in bytes of its body as JSON, without metadata and fields (in Splunk's inputs.conf: maxEventSize).",
	},
	{
		path: destination + ".on_large_event", kind: choice(LargeTruncate, LargeDead), def: LargeDead,
		doc: "What becomes of a larger one: `dead` makes it a dead letter, `truncate` cuts its text, marks the end and keeps the size " +
			"that it had in the indexed field truncated_from.",
	},
	{
		path: destination + ".max_bytes", kind: streamSize(), def: "0",
		doc: "The size of the stream of events that wait for this destination. 0 chooses: 60 % of what an embedded " +
			"server may hold, shared by all destinations; 16GiB on any other.",
	},
	{
		path: destination + ".when_full", kind: choice(FullBlock, FullDropOldest, FullDead), def: FullBlock,
		doc: "What happens when that stream is full. `block` loses nothing: everything waits, what is for other destinations too. " +
			"`drop_oldest` drops and counts the oldest events and `dead` makes them dead letters; the shipper begins with it when nine " +
			"tenths are full.",
	},
}

var requestKeys = []key{
	{
		path: destination + ".gzip", kind: boolean(), def: on,
		doc: "Compresses requests.",
	},
	{
		path: destination + ".gzip_level", kind: count(9), def: "1",
		doc: "How hard gzip tries: 1 is fastest, 9 is smallest.",
	},
	{
		path: destination + ".timeout", kind: duration(time.Millisecond, maxWait), def: "30s",
		doc: "How long one request may take.",
	},
	{path: destination + ".batch", doc: "How many events go into one request."},
	{
		path: destination + ".batch.max_bytes", kind: size(10e3, 64e6), def: "1MB",
		doc: "The largest body of a request, before compression. Splunk's own bound is max_content_length.",
	},
	{
		path: destination + ".batch.max_events", kind: count(100_000), def: "10000",
		doc: "The most events in a request.",
	},
	{
		path: destination + ".batch.linger", kind: duration(0, 10*time.Second), def: "200ms",
		doc: "How long a request that is not full waits for more events.",
	},
}

var paceKeys = []key{
	{path: destination + ".concurrency", doc: "How much goes out at once."},
	{
		path: destination + ".concurrency.max", kind: count(256), def: "8",
		doc: "The most requests in flight.",
	},
	{
		path: destination + ".concurrency.adaptive", kind: boolean(), def: on,
		doc: "Finds how many of them Splunk takes: more while answers are as fast as before, half as many when it is busy or " +
			"does not answer in time.",
	},
	{
		path: destination + ".retry",
		doc: "The pause before a request is tried again that failed for a reason that may pass. It doubles from try to try, and a " +
			"random part of it is waited.",
	},
	{
		path: destination + ".retry.initial", kind: duration(time.Millisecond, time.Minute), def: "500ms",
		doc: "The first pause.",
	},
	{
		path: destination + ".retry.max", kind: duration(time.Millisecond, time.Hour), def: "30s",
		doc: "The longest pause, not below initial.",
	},
	{
		path: destination + ".retry.give_up_after", kind: durationOrZero(time.Second, 30*24*time.Hour), def: "0",
		doc: "How long events are tried before they become dead letters (gave_up); 0 is for ever. Time in which nothing is sent " +
			"because somebody has to put something right first, such as the token, does not count.",
	},
	{path: destination + ".rate_limit", doc: "How much may go out in a second, from each instance."},
	{
		path: destination + ".rate_limit.requests", kind: number(0, 1_000_000), def: "0",
		doc: "The most requests a second. 0 is any number.",
	},
	{
		path: destination + ".rate_limit.events", kind: number(0, 100_000_000), def: "0",
		doc: "The most events a second. 0 is any number.",
	},
	{
		path: destination + ".rate_limit.bytes", kind: sizeOrZero(1<<10, 1<<40), def: "0",
		doc: "The most bytes of bodies a second, before compression. 0 is any number.",
	},
}

var ackKeys = []key{
	{
		path: destination + ".ack", kind: acknowledgement(), def: AckAuto,
		doc: "Whether events count as delivered only when Splunk's indexers have acknowledged them (useACK in inputs.conf): `auto` " +
			"where an answer has an ackId, `on` always, `off` never. A load balancer in front of several indexers must then be sticky, by cookie.",
	},
	{
		path: destination + ".ack_timeout", kind: duration(time.Second, time.Hour), def: "5m",
		doc: "How long to wait for that before events are sent again, and may be in Splunk twice. Splunk advises about five minutes.",
	},
}

var connectionKeys = []key{
	{
		path: destination + ".proxy", kind: proxyURL(),
		doc: "The proxy to the endpoints, with user and password if it wants them. Empty is what HTTPS_PROXY, HTTP_PROXY and NO_PROXY " +
			"in the environment say; `none` is no proxy, whatever they say. Give this or proxy_file.",
		example: "http://proxy.example.com:3128",
	},
	{
		path: destination + ".proxy_file", kind: optional(filePath()),
		doc:     "A file that holds the same. It is read again when it changes.",
		example: "/run/secrets/proxy",
	},
	{
		path: destination + ".health",
		doc:  "The endpoints are asked for their health (/services/collector/health). One that is sick is left alone while others take events.",
	},
	{
		path: destination + ".health.interval", kind: durationOrZero(time.Second, time.Hour), def: "10s",
		doc: "How often; 0 is never.",
	},
}
