package config

import (
	"slices"
	"time"
)

var busKeys = slices.Concat(
	[]key{
		{
			path: "bus", restart: true,
			doc: "The NATS JetStream that carries everything between the services.",
		},
		{
			path: "bus.url", kind: optional(natsURLs()),
			doc:     "The NATS servers to use. Empty starts a NATS server inside `drainline run`; services of their own need a URL.",
			example: "nats://nats-0:4222,nats://nats-1:4222",
		},
		{
			path: "bus.prefix", kind: text(nameRule, namePattern.MatchString), def: "drainline",
			doc: "What the names of streams and subjects begin with, so that several installations can share a NATS account.",
		},
		{
			path: "bus.replicas", kind: oneOf(1, 3, 5), def: "1",
			doc: "How many servers of a cluster keep each stream.",
		},
		{
			path: "bus.connect_timeout", kind: duration(time.Millisecond, maxWait), def: "15s",
			doc: "How long the start waits for NATS before it fails.",
		},
		{
			path: "bus.creds_file", kind: optional(filePath()), place: true,
			doc:     "The credentials of a NATS user (a .creds file).",
			example: "/etc/drainline/drainline.creds",
		},
		{
			path: busKey, kind: secret(nkeyRule, nkeySeed.MatchString), place: true, reread: true,
			doc:     "The nkey of a NATS user: its seed, as `drainline keys` and `nk -gen user` make one. Give this or nkey_file.",
			example: "${NATS_NKEY}",
		},
		{
			path: busKey + fileSuffix, kind: optional(filePath()), place: true,
			doc:     "A file that holds the same. It is read again for every connection.",
			example: "/run/secrets/nkey",
		},
	},
	clientTLS("bus.tls", "How the connection to NATS is secured."),
	[]key{
		{path: "bus.raw", doc: "The streams between ingest and transform, of requests as they were received."},
		{
			path: "bus.raw.max_bytes", kind: streamSize(), def: "0",
			doc: "The size of these streams together, without the ordered ones. 0 chooses: 20 % of what an embedded server may hold, " +
				"4GiB on any other. Ingest holds and then refuses requests when they are full.",
		},
		{
			path: "bus.raw.shards", kind: count(64), def: "1",
			doc: "How many streams share the load. More than one helps when one server of a cluster is not fast enough.",
		},
		{
			path: "bus.raw.ordered_shards", kind: count(16), def: "1",
			doc: "How many more streams there are for drains that join lines. Each is transformed by one instance at a time. " +
				"Beside max_bytes they have as much again together, and a tenth of it while no drain joins lines.",
		},
		{path: "bus.dead", doc: "The stream of dead letters: what could not be understood or delivered, with the reason."},
		{
			path: "bus.dead.max_age", kind: duration(time.Second, 10*365*24*time.Hour), def: "336h",
			doc: "How long dead letters are kept: 336h is 14 days.",
		},
		{
			path: "bus.dead.max_bytes", kind: streamSize(), def: "0",
			doc: "The size of the stream. 0 chooses: 5 % of what an embedded server may hold, 1GiB on any other.",
		},
		{path: "bus.embedded", doc: "The NATS server inside `drainline run`, used when bus.url is empty."},
		{
			path: "bus.embedded.dir", kind: folderPath(), def: "drainline-data", place: true,
			doc: "The folder that keeps all data, relative to the working directory. It must outlive the process.",
		},
		{
			path: "bus.embedded.sync", kind: choice("always", "interval"), def: "always",
			doc: "When writes reach the disk: `always` before a request is answered, `interval` within the next moments, " +
				"so that a power cut may lose requests that were answered.",
		},
		{
			path: "bus.embedded.listen", kind: optional(address()), place: true,
			doc:     "Where other programs reach the server. Empty serves this process only. Whoever reaches it reads and writes everything: it has no passwords.",
			example: "127.0.0.1:4222",
		},
		{
			path: "bus.embedded.max_bytes", kind: streamSize(), def: "0",
			doc: "The most that all streams may hold. 0 leaves it at 70 % of the free disk.",
		},
	},
	encryption("bus.embedded", "all that the streams hold", "bus"),
)
