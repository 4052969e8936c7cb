package telemetry

import (
	"github.com/prometheus/otlptranslator"
)

// Kind is what a metric's numbers are.
type Kind string

// The kinds: what only grows, what goes up and down, and how often values fell into
// buckets.
const (
	KindCounter   Kind = "counter"
	KindGauge     Kind = "gauge"
	KindHistogram Kind = "histogram"
)

// Metric is a row of the table: all there is to know of a metric but its values.
type Metric struct {
	// Name as OpenTelemetry has it: with the prefix drainline_, without unit and _total.
	Name string
	Kind Kind
	// Unit as UCUM writes it: By, s, {event}; empty for what has none.
	Unit string
	// Help is one sentence, or two.
	Help   string
	Labels []string
	// Most bounds the different values of the labels together, where they come from
	// outside; what comes then has Other in place of each. 0: they come from the program
	// or the configuration, which bounds them.
	Most int
	// Buckets are the upper bounds of a histogram, ascending.
	Buckets []float64
}

// Group is the metrics of one part of Drainline.
type Group struct {
	Title   string
	Metrics []Metric
}

// Bounds of label values from outside.
const (
	mostInputs       = 1000 // apps, drains
	mostRules        = 1000
	mostReasons      = 100 // of dead letters, by stage
	mostDestinations = 100 // where they are not known before
	mostStatuses     = 200 // of answers, by door or destination
	mostAnswers      = 500 // statuses and codes, by destination
)

// Buckets that several histograms share. Neighbours differ by two to three times: a
// quantile is good to that, which tells a late pipeline from one in time.
func short() []float64 { // seconds, of a step in one process or one disk write
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
}

func medium() []float64 { // seconds, of a request
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
}

func long() []float64 { // seconds, from door to Splunk, backlogs included
	return []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}
}

func sizes() []float64 { // bytes
	return []float64{256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 8 << 20}
}

func numbers() []float64 { // events, requests
	return []float64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}
}

// Table is every metric there is. A metric is added here first, then made by its name;
// services/METRICS.md is generated from it (go generate).
func Table() []Group {
	return []Group{
		{"Process", processMetrics()},
		{"Bus", busMetrics()},
		{"Backlog", backlogMetrics()},
		{"Logplex door", logplexMetrics()},
		{"HEC door", collectorMetrics()},
		{"Ingest", ingestMetrics()},
		{"Transform", transformMetrics()},
		{"Shipper", shipperMetrics()},
		{"Ledger", ledgerMetrics()},
	}
}

func processMetrics() []Metric {
	return []Metric{
		{
			Name: "drainline_configuration_refused", Kind: KindGauge, Unit: "{configuration}",
			Help: "1 while a changed configuration is refused and the one before stays in force.",
		},
		{
			Name: "drainline_configuration_info", Kind: KindGauge, Labels: []string{"sha"},
			Help: "1, with the beginning of the SHA-256 of the configuration in force: instances that differ run different configurations.",
		},
		{
			Name: "drainline_build_info", Kind: KindGauge, Labels: []string{"version", "go"},
			Help: "1, with the version of Drainline and of Go it was built with.",
		},
	}
}

func busMetrics() []Metric {
	return []Metric{
		{
			Name: "drainline_bus_connected", Kind: KindGauge, Labels: []string{"service"},
			Help: "1 while the service is connected to the bus and may do what it has tried, else 0.",
		},
		{
			Name: "drainline_publish_duration", Kind: KindHistogram, Unit: "s", Labels: []string{"stream"}, Buckets: medium(),
			Help: "Time to store a message on the bus, all tries together, by kind of stream: raw, events, dead.",
		},
		{
			Name: "drainline_dead_letters", Kind: KindCounter, Unit: "{letter}", Labels: []string{"stage", "reason"}, Most: mostReasons,
			Help: "Dead letters stored, by what made them and why.",
		},
	}
}

func backlogMetrics() []Metric {
	stream := []string{"stream", "destination"}
	return []Metric{
		{
			Name: "drainline_backlog_messages", Kind: KindGauge, Unit: "{message}", Labels: stream,
			Help: "Messages (blocks, batches, dead letters) that the stream holds. Every instance tells of all streams: take the maximum, not the sum.",
		},
		{
			Name: "drainline_backlog_pending", Kind: KindGauge, Unit: "{message}", Labels: stream,
			Help: "Messages that no instance has taken yet.",
		},
		{
			Name: "drainline_backlog_unacked", Kind: KindGauge, Unit: "{message}", Labels: stream,
			Help: "Messages in the hands of instances, not acknowledged.",
		},
		{Name: "drainline_backlog_size", Kind: KindGauge, Unit: "By", Labels: stream, Help: "What the messages take."},
		{Name: "drainline_backlog_limit", Kind: KindGauge, Unit: "By", Labels: stream, Help: "What they may take: then the stream is full."},
		{
			Name: "drainline_backlog_oldest_age", Kind: KindGauge, Unit: "s", Labels: stream,
			Help: "Time since the stream's oldest message was stored, 0 when it is empty.",
		},
		{
			Name: "drainline_backlog_seconds_to_full", Kind: KindGauge, Unit: "s", Labels: stream,
			Help: "Time until the stream is full if it goes on growing as in the last minutes. Absent while it does not grow.",
		},
		{
			Name: "drainline_backlog_seconds_to_drain", Kind: KindGauge, Unit: "s", Labels: stream,
			Help: "Time until nothing waits if it goes on shrinking as in the last minutes, 0 when it is empty. Absent while it does not shrink.",
		},
		{Name: "drainline_disk_free", Kind: KindGauge, Unit: "By", Help: "Free space on the disk of the embedded NATS server."},
		{
			Name: "drainline_disk_headroom", Kind: KindGauge, Unit: "By",
			Help: "Free space on the disk of the embedded NATS server above what has to stay free: below 0 nothing is accepted.",
		},
		{
			Name: "drainline_disk_sync_duration", Kind: KindHistogram, Unit: "s", Buckets: short(),
			Help: "Time to write a page to the disk of the embedded NATS server and have it safe (fsync), tried every ten seconds.",
		},
	}
}

func logplexMetrics() []Metric {
	return []Metric{
		{Name: "drainline_ingest_requests", Kind: KindCounter, Unit: "{request}", Help: "Requests with logs, however they were answered."},
		{Name: "drainline_ingest_frames", Kind: KindCounter, Unit: "{frame}", Help: "Frames that were stored."},
		{Name: "drainline_ingest_body", Kind: KindCounter, Unit: "By", Help: "Bytes of bodies that were stored."},
		{Name: "drainline_ingest_unframed", Kind: KindCounter, Unit: "By", Help: "Bytes that were stored although they are no frames."},
		{Name: "drainline_ingest_duplicates", Kind: KindCounter, Unit: "{request}", Help: "Requests, or parts of them, that had been stored before."},
		{
			Name: "drainline_ingest_count_mismatches", Kind: KindCounter, Unit: "{request}",
			Help: "Requests whose Logplex-Msg-Count is not the number of frames.",
		},
		{Name: "drainline_ingest_unavailable", Kind: KindCounter, Unit: "{request}", Help: "Requests that could not be stored in time."},
		{Name: "drainline_ingest_cut", Kind: KindCounter, Unit: "{request}", Help: "Requests whose upload broke off or took too long."},
		{
			Name: "drainline_ingest_over_rate", Kind: KindCounter, Unit: "{request}",
			Help: "Requests that were taken although their sender is over its rate.",
		},
		{
			Name: "drainline_ingest_unknown_drains", Kind: KindCounter, Unit: "{request}",
			Help: "Requests of drains that are not listed, taken nevertheless.",
		},
		{
			Name: "drainline_ingest_refused", Kind: KindCounter, Unit: "{request}", Labels: []string{"reason"},
			Help: "Requests that were refused for good, by reason.",
		},
	}
}

func collectorMetrics() []Metric {
	return []Metric{
		{Name: "drainline_hec_requests", Kind: KindCounter, Unit: "{request}", Help: "Requests with a token, however they were answered."},
		{Name: "drainline_hec_events", Kind: KindCounter, Unit: "{event}", Help: "Events, and lines of raw bodies, that were stored."},
		{Name: "drainline_hec_body", Kind: KindCounter, Unit: "By", Help: "Bytes of bodies that were stored."},
		{Name: "drainline_hec_ack_queries", Kind: KindCounter, Unit: "{request}", Help: "Requests about acknowledgement that were answered."},
		{Name: "drainline_hec_logplex", Kind: KindCounter, Unit: "{request}", Help: "Requests from Heroku's drains."},
		{
			Name: "drainline_hec_stray_indexes", Kind: KindCounter, Unit: "{request}",
			Help: "Requests from Heroku's drains whose index their token does not allow.",
		},
		{Name: "drainline_hec_cut", Kind: KindCounter, Unit: "{request}", Help: "Requests whose upload broke off or took too long."},
		{
			Name: "drainline_hec_deferred", Kind: KindCounter, Unit: "{request}", Labels: []string{"reason"},
			Help: "Requests that clients were told to send again, by reason.",
		},
		{
			Name: "drainline_hec_refused", Kind: KindCounter, Unit: "{request}", Labels: []string{"reason"},
			Help: "Requests that were refused for good, by reason.",
		},
		{Name: "drainline_ingest_ack_issued", Kind: KindCounter, Unit: "{request}", Help: "Requests that were given an ackId."},
		{Name: "drainline_ingest_ack_confirmed", Kind: KindCounter, Unit: "{request}", Help: "Requests that a client was told are indexed."},
		{
			Name: "drainline_ingest_ack_forgotten", Kind: KindCounter, Unit: "{request}",
			Help: "Requests forgotten because their channel was idle, there were too many or they were too old.",
		},
		{Name: "drainline_ingest_ack_refused", Kind: KindCounter, Unit: "{request}", Help: "Requests refused because too many wait to be asked for."},
		{
			Name: "drainline_ingest_ack_untold", Kind: KindCounter, Unit: "{request}",
			Help: "Confirmed requests that other instances will never be told of.",
		},
		{Name: "drainline_ingest_ack_channels", Kind: KindGauge, Unit: "{channel}", Help: "Channels that were used of late."},
		{Name: "drainline_ingest_ack_pending", Kind: KindGauge, Unit: "{request}", Help: "Requests whose acknowledgement was not asked for yet."},
	}
}

func ingestMetrics() []Metric {
	return []Metric{
		{
			Name: "drainline_ingest_connections", Kind: KindGauge, Unit: "{connection}", Labels: []string{"door"},
			Help: "Open connections, by door. At the limit no more are accepted.",
		},
		{
			Name: "drainline_ingest_bodies", Kind: KindGauge, Unit: "By", Labels: []string{"door"},
			Help: "Bytes of memory that bodies of requests have, by door.",
		},
		{
			Name: "drainline_ingest_request_duration", Kind: KindHistogram, Unit: "s", Labels: []string{"door", "status"}, Most: mostStatuses, Buckets: medium(),
			Help: "Time from a request's headers to its answer, by door and HTTP status; aborted is a connection that was closed without an answer.",
		},
		{Name: "drainline_ingest_block", Kind: KindHistogram, Unit: "By", Buckets: sizes(), Help: "Sizes of raw blocks on the bus, compressed."},
		{Name: "drainline_ingest_block_requests", Kind: KindHistogram, Unit: "{request}", Buckets: numbers(), Help: "Requests that share a raw block."},
		{
			Name: "drainline_ingest_spooled", Kind: KindCounter, Unit: "{block}",
			Help: "Blocks that went to the spool because the bus did not take them.",
		},
		{Name: "drainline_ingest_forwarded", Kind: KindCounter, Unit: "{block}", Help: "Blocks that went from the spool to the bus."},
		{Name: "drainline_ingest_spool", Kind: KindGauge, Unit: "By", Help: "Bytes that the spool holds."},
	}
}

// mostBooked is more than the inputs that the books tell apart have of bookings, at two
// destinations each.
const mostBooked = 16 * mostInputs

func ledgerMetrics() []Metric {
	labels := []string{"input", "destination", "booking"}
	return []Metric{
		{
			Name: "drainline_ledger_events", Kind: KindCounter, Unit: "{event}", Labels: labels, Most: mostBooked,
			Help: "What became of events: accepted, replayed, duplicate, merged, split, filtered, dead, dropped, delivered, redelivered or lost_upstream. " +
				"Input is the app, or else the drain or credential; several destinations stand together where all have the same lot.",
		},
		{
			Name: "drainline_ledger_license", Kind: KindCounter, Unit: "By", Labels: labels, Most: mostBooked,
			Help: "Bytes of license of the events in drainline_ledger_events, or of their bodies where they never came to Splunk.",
		},
	}
}

func transformMetrics() []Metric {
	return []Metric{
		{Name: "drainline_transform_blocks", Kind: KindCounter, Unit: "{block}", Help: "Raw blocks transformed."},
		{
			Name: "drainline_transform_events", Kind: KindCounter, Unit: "{event}",
			Help: "Events made from what was received, before rules and before they are copied to destinations.",
		},
		{
			Name: "drainline_transform_block_duration", Kind: KindHistogram, Unit: "s", Buckets: short(),
			Help: "Time to make the batches of a block, rules included, before they are stored.",
		},
		{
			Name: "drainline_transform_batch", Kind: KindHistogram, Unit: "By", Labels: []string{"destination"}, Most: mostDestinations, Buckets: sizes(),
			Help: "Sizes of event batches on the bus, compressed.",
		},
		{
			Name: "drainline_transform_batch_events", Kind: KindHistogram, Unit: "{event}", Labels: []string{"destination"}, Most: mostDestinations, Buckets: numbers(),
			Help: "Events that share a batch.",
		},
		{
			Name: "drainline_transform_filtered", Kind: KindCounter, Unit: "{event}",
			Help: "Events that rules dropped, or that no destination wanted.",
		},
		{
			Name: "drainline_transform_unrouted", Kind: KindCounter, Unit: "{event}",
			Help: "Events that no destination wanted, which are filtered (unrouted: drop).",
		},
		{
			Name: "drainline_transform_bad_frames", Kind: KindCounter, Unit: "{frame}",
			Help: "Frames, envelopes and remainders of bodies that became dead letters.",
		},
		{Name: "drainline_transform_dead_letters", Kind: KindCounter, Unit: "{letter}", Help: "Dead letters stored by transform."},
		{
			Name: "drainline_transform_joined_lines", Kind: KindCounter, Unit: "{line}",
			Help: "Lines that became part of the event of a line before them.",
		},
		{
			Name: "drainline_transform_handed_over", Kind: KindCounter, Unit: "{line}", Labels: []string{"side"},
			Help: "Lines outside the time of their drain (from, until), which another ships.",
		},
		{
			Name: "drainline_transform_lost_upstream", Kind: KindCounter, Unit: "{message}", Labels: []string{"input", "code"}, Most: mostInputs,
			Help: "Messages that Logplex or log-shuttle say they lost.",
		},
		{
			Name: "drainline_transform_rule_events", Kind: KindCounter, Unit: "{event}", Labels: []string{"rule", "action"}, Most: mostRules,
			Help: "Events that a rule was applied to, and what it did to them.",
		},
	}
}

func shipperMetrics() []Metric {
	destination := []string{"destination"}
	return []Metric{
		{
			Name: "drainline_shipper_delivered", Kind: KindCounter, Unit: "{event}", Labels: destination,
			Help: "Events that Splunk has taken, and acknowledged where it does, or that were discarded.",
		},
		{
			Name: "drainline_shipper_dead", Kind: KindCounter, Unit: "{event}", Labels: destination,
			Help: "Events that became dead letters, and unreadable messages.",
		},
		{
			Name: "drainline_shipper_dropped", Kind: KindCounter, Unit: "{event}", Labels: destination,
			Help: "Events dropped because the stream was full.",
		},
		{Name: "drainline_shipper_requests", Kind: KindCounter, Unit: "{request}", Labels: destination, Help: "Requests sent, retries included."},
		{Name: "drainline_shipper_retries", Kind: KindCounter, Unit: "{request}", Labels: destination, Help: "Requests sent again."},
		{
			Name: "drainline_shipper_splits", Kind: KindCounter, Unit: "{request}", Labels: destination,
			Help: "Requests sent again in parts, because Splunk refused them.",
		},
		{
			Name: "drainline_shipper_possible_duplicates", Kind: KindCounter, Unit: "{event}", Labels: destination,
			Help: "Events sent again of which Splunk may have had the first.",
		},
		{
			Name: "drainline_shipper_lost_acks", Kind: KindCounter, Unit: "{request}", Labels: destination,
			Help: "Requests that Splunk accepted and did not acknowledge.",
		},
		{Name: "drainline_shipper_body", Kind: KindCounter, Unit: "By", Labels: destination, Help: "Bytes of requests before compression."},
		{Name: "drainline_shipper_sent", Kind: KindCounter, Unit: "By", Labels: destination, Help: "Bytes of requests as sent."},
		{
			Name: "drainline_shipper_untold_acks", Kind: KindCounter, Unit: "{batch}", Labels: destination,
			Help: "Batches settled of which HEC acknowledgement will never be told.",
		},
		{
			Name: "drainline_shipper_unknown_index", Kind: KindCounter, Unit: "{event}", Labels: destination,
			Help: "Events for an index that does not exist or is refused.",
		},
		{
			Name: "drainline_shipper_request_duration", Kind: KindHistogram, Unit: "s", Labels: []string{"destination", "status"}, Most: mostStatuses,
			Buckets: medium(), Help: "Time from a try's first byte to Splunk's answer, by HTTP status; none is a try without an answer.",
		},
		{
			Name: "drainline_shipper_answers", Kind: KindCounter, Unit: "{request}", Labels: []string{"destination", "status", "code"}, Most: mostAnswers,
			Help: "Tries by what Splunk answered: HTTP status and HEC code; none where there was no answer, or no code in it.",
		},
		{
			Name: "drainline_shipper_pack_duration", Kind: KindHistogram, Unit: "s", Labels: destination, Buckets: short(),
			Help: "Time from a request's first event to its first try: it is filled, and waits for batch.linger and for a free place in the window.",
		},
		{
			Name: "drainline_shipper_request", Kind: KindHistogram, Unit: "By", Labels: destination, Buckets: sizes(),
			Help: "Sizes of requests before compression, one value a try.",
		},
		{
			Name: "drainline_shipper_request_events", Kind: KindHistogram, Unit: "{event}", Labels: destination, Buckets: numbers(),
			Help: "Events that share a request, one value a try.",
		},
		{
			Name: "drainline_shipper_latency", Kind: KindHistogram, Unit: "s", Labels: destination, Buckets: long(),
			Help: "Time from the receipt of a request's oldest event at the door to Splunk's success, acknowledged where it does.",
		},
		{
			Name: "drainline_shipper_event_latency", Kind: KindHistogram, Unit: "s", Labels: destination, Buckets: long(),
			Help: "Time from the timestamp that Heroku gave a request's oldest line to Splunk's success. Clocks that differ show in it.",
		},
		{
			Name: "drainline_shipper_ack_duration", Kind: KindHistogram, Unit: "s", Labels: destination, Buckets: long(),
			Help: "Time from Splunk's acceptance of a request to its acknowledgement.",
		},
		{
			Name: "drainline_shipper_parked_duration", Kind: KindCounter, Unit: "s", Labels: destination,
			Help: "Time that the destination was parked, the present one included.",
		},
		{Name: "drainline_shipper_window", Kind: KindGauge, Unit: "{request}", Labels: destination, Help: "Requests that may be in flight."},
		{Name: "drainline_shipper_in_flight", Kind: KindGauge, Unit: "{request}", Labels: destination, Help: "Requests in flight."},
		{
			Name: "drainline_shipper_pending_acks", Kind: KindGauge, Unit: "{request}", Labels: destination,
			Help: "Requests accepted and not yet acknowledged by Splunk.",
		},
		{
			Name: "drainline_shipper_parked", Kind: KindGauge, Labels: destination,
			Help: "1 while the destination takes nothing as it is configured.",
		},
	}
}

// Prometheus is the metric's name as Prometheus sees it. A histogram has _bucket, _sum and
// _count behind it.
func (m *Metric) Prometheus() string {
	kinds := map[Kind]otlptranslator.MetricType{
		KindCounter:   otlptranslator.MetricTypeMonotonicCounter,
		KindGauge:     otlptranslator.MetricTypeGauge,
		KindHistogram: otlptranslator.MetricTypeHistogram,
	}
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: kinds[m.Kind]})
	if err != nil {
		panic(err) // a test has every row
	}
	return name
}

// rows is the table by name.
func rows() map[string]*Metric {
	byName := map[string]*Metric{}
	for _, g := range Table() {
		for i := range g.Metrics {
			m := &g.Metrics[i]
			if byName[m.Name] != nil {
				panic("metric " + m.Name + " is in the table twice")
			}
			byName[m.Name] = m
		}
	}
	return byName
}
