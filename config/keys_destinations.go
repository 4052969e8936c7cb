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
			path: destination + ".urls", kind: collectorURLs(), required: true,
			doc:     "The endpoints, with or without /services/collector.",
			example: "[https://splunk.example.com:8088]",
		},
		{
			path: destination + ".token", kind: hecToken(), required: true,
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
		{
			path: destination + ".format", kind: optional(format()),
			doc: "What Splunk shows as _raw at this destination, whatever rules and drain say. " + formatDoc + " Empty leaves it to them.",
		},
		{
			path: destination + ".max_bytes", kind: streamSize(), def: "0",
			doc: "The size of the stream of events that wait for this destination. 0 chooses: 60 % of what an embedded " +
				"server may hold, shared by all destinations; 16GiB on any other.",
		},
		{
			path: destination + ".gzip", kind: boolean(), def: on,
			doc: "Compresses requests.",
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
		{path: destination + ".concurrency", doc: "How much goes out at once."},
		{
			path: destination + ".concurrency.max", kind: count(256), def: "8",
			doc: "The most requests in flight.",
		},
		{
			path: destination + ".retry",
			doc:  "The pause before a request that failed is tried again. It doubles from try to try; trying never ends.",
		},
		{
			path: destination + ".retry.initial", kind: duration(time.Millisecond, time.Minute), def: "500ms",
			doc: "The first pause.",
		},
		{
			path: destination + ".retry.max", kind: duration(time.Millisecond, time.Hour), def: "30s",
			doc: "The longest pause, not below initial.",
		},
	},
	clientTLS(destination+".tls", "How connections to the endpoints are secured."),
)
