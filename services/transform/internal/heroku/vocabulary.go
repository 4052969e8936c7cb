package heroku

import (
	"slices"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// Name is a field that lines of the platform can have.
type Name struct {
	// Name is a word, or some joined by underscores.
	Name string
	// Type is fields.Text, fields.Number or fields.Bool.
	Type fields.Kind
	// Unit is what a number counts, empty for things and where it is of no use.
	Unit string
	// Meaning is half a sentence.
	Meaning string
	// Families have the lines that can have the field.
	Families []Family
}

// Family is lines of one form.
type Family string

// The families there are.
const (
	Requests         Family = "router"
	Dynos            Family = "dyno"
	RuntimeMetrics   Family = "runtime metrics"
	Errors           Family = "error"
	Losses           Family = "loss"
	API              Family = "api"
	PostgresMetrics  Family = "Postgres metrics"
	PgBouncerMetrics Family = "PgBouncer metrics"
	RedisMetrics     Family = "Redis metrics"
	KafkaMetrics     Family = "Kafka metrics"
	PostgresLog      Family = "Postgres log"
)

// Kind is where lines of the family come from.
func (f Family) Kind() Kind {
	switch f {
	case Requests:
		return KindRouter
	case API:
		return KindAPI
	case Dynos, RuntimeMetrics, Errors, Losses:
		return KindSystem
	case PostgresMetrics, PgBouncerMetrics, RedisMetrics, KafkaMetrics, PostgresLog:
	}
	return KindAddon
}

// Kinds are where lines with the field come from.
func (n *Name) Kinds() []Kind {
	var kinds []Kind
	for _, f := range n.Families {
		if kind := f.Kind(); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// Vocabulary returns the fields that lines of a kind can have, in the order of the
// table. Lines of apps have none. A line can have others beside them: what Heroku adds
// to router lines and measurements goes by its own name.
func Vocabulary(kind Kind) []Name {
	return slices.DeleteFunc(slices.Clone(vocabulary), func(n Name) bool { return !slices.Contains(n.Kinds(), kind) })
}

// Known reports whether the vocabulary has a name for lines of a kind.
func Known(kind Kind, name string) bool {
	return slices.ContainsFunc(vocabulary, func(n Name) bool {
		return n.Name == name && slices.ContainsFunc(n.Families, func(f Family) bool { return f.Kind() == kind })
	})
}

// Families that have many fields in common.
var (
	servers      = []Family{PostgresMetrics, RedisMetrics, KafkaMetrics}
	databases    = []Family{PostgresMetrics, RedisMetrics}
	addonMetrics = []Family{PostgresMetrics, PgBouncerMetrics, RedisMetrics, KafkaMetrics}
	allMetrics   = append([]Family{RuntimeMetrics}, addonMetrics...)
	loaded       = append([]Family{RuntimeMetrics}, servers...)
)

// vocabulary is the table in README.md.
var vocabulary = []Name{
	{"at", fields.Text, "", "how the request went: info, warning or error", []Family{Requests}},
	{"sock", fields.Text, "", "which side the connection broke on: client or backend", []Family{Requests}},
	{"code", fields.Text, "", "Heroku's error code", []Family{Requests, Errors, Losses}},
	{"desc", fields.Text, "", "what the code stands for", []Family{Requests, Errors, Losses}},
	{"method", fields.Text, "", "HTTP method", []Family{Requests}},
	{"path", fields.Text, "", "path and query", []Family{Requests}},
	{"host", fields.Text, "", "host that was asked for", []Family{Requests}},
	{"request_id", fields.Text, "", "X-Request-ID; a client may choose it", []Family{Requests}},
	{"fwd", fields.Text, "", "X-Forwarded-For, a list; the last address is the client's", []Family{Requests}},
	{"dyno", fields.Text, "", "dyno that the request went to", []Family{Requests}},
	{"connect", fields.Number, "ms", "time to connect to the dyno", []Family{Requests}},
	{"service", fields.Number, "ms", "time from the dyno to the client", []Family{Requests}},
	{"status", fields.Number, "", "HTTP status", []Family{Requests}},
	{"bytes", fields.Number, "bytes", "size of the response", []Family{Requests}},
	{"protocol", fields.Text, "", "http or https, of Router 2.0 http1.1 or http2.0", []Family{Requests}},
	{"tls", fields.Bool, "", "whether the client used TLS (Router 2.0)", []Family{Requests}},
	{"tls_version", fields.Text, "", "tls1.2, tls1.3 or unknown (Router 2.0)", []Family{Requests}},

	{"event", fields.Text, "", "what happened, a word of the table below", []Family{Dynos, API}},
	{"from", fields.Text, "", "state before", []Family{Dynos}},
	{"to", fields.Text, "", "state after", []Family{Dynos}},
	{"command", fields.Text, "", "command of the process", []Family{Dynos, API}},
	{"signal", fields.Text, "", "signal that processes get", []Family{Dynos}},
	{"exit_status", fields.Number, "", "exit status of the process", []Family{Dynos}},
	{"memory", fields.Number, "bytes", "memory in use", []Family{Dynos}},
	{"memory_percent", fields.Number, "%", "memory in use, of the dyno's quota", []Family{Dynos}},
	{"detail", fields.Text, "", "what went wrong", []Family{Errors, API}},
	{"lost", fields.Number, "", "lines that were lost", []Family{Losses}},
	{"since", fields.Text, "", "time of the first of them", []Family{Losses}},
	{"drain", fields.Text, "", "token of the drain that lost them", []Family{Losses}},

	{"user", fields.Text, "", "who did it; of a Postgres log the database's user", []Family{API, PostgresLog}},
	{"version", fields.Text, "", "release, such as v9", []Family{API}},
	{"commit", fields.Text, "", "commit that was deployed", []Family{API}},
	{"formation", fields.Text, "", "process types, numbers and sizes: web@3:Performance-L", []Family{API}},
	{"config_vars", fields.Text, "", "names of the config vars, with commas", []Family{API}},
	{"attachment", fields.Text, "", "name of the attachment", []Family{API}},

	{"source", fields.Text, "", "dyno, or config var of the add-on", allMetrics},
	{"dyno_id", fields.Text, "", "heroku., number of the app, and UUID of the dyno", []Family{RuntimeMetrics}},
	{"addon", fields.Text, "", "name of the add-on", append([]Family{API}, addonMetrics...)},
	{"load_avg_1m", fields.Number, "", "load average of a minute", loaded},
	{"load_avg_5m", fields.Number, "", "load average of 5 minutes", loaded},
	{"load_avg_15m", fields.Number, "", "load average of 15 minutes", loaded},
	{"memory_total", fields.Number, "bytes", "memory in use; of an add-on the server's memory", loaded},
	{"memory_rss", fields.Number, "bytes", "resident memory", []Family{RuntimeMetrics}},
	{"memory_cache", fields.Number, "bytes", "disk cache", []Family{RuntimeMetrics}},
	{"memory_swap", fields.Number, "bytes", "memory that is swapped out", []Family{RuntimeMetrics}},
	{"memory_pgpgin", fields.Number, "pages", "pages read from disk", []Family{RuntimeMetrics}},
	{"memory_pgpgout", fields.Number, "pages", "pages written to disk", []Family{RuntimeMetrics}},
	{"memory_quota", fields.Number, "bytes", "memory that the dyno may use", []Family{RuntimeMetrics}},
	{"memory_free", fields.Number, "bytes", "free memory", servers},
	{"memory_cached", fields.Number, "bytes", "memory that the system caches with", servers},
	{"memory_percentage_used", fields.Number, "of 1", "memory in use", databases},
	{"memory_postgres", fields.Number, "bytes", "memory of the server's processes", []Family{PostgresMetrics}},
	{"memory_redis", fields.Number, "bytes", "memory of the server", []Family{RedisMetrics}},
	{"read_iops", fields.Number, "1/s", "disk reads", servers},
	{"write_iops", fields.Number, "1/s", "disk writes", servers},
	{"max_iops", fields.Number, "1/s", "reads and writes that the plan has", databases},
	{"iops_percentage_used", fields.Number, "of 1", "of these in use", databases},
	{"active_connections", fields.Number, "", "connections", databases},
	{"waiting_connections", fields.Number, "", "connections that wait for a lock", []Family{PostgresMetrics}},
	{"max_connections", fields.Number, "", "connections that the plan has", databases},
	{"connections_percentage_used", fields.Number, "of 1", "of these in use", []Family{PostgresMetrics}},
	{"connection_percentage_used", fields.Number, "of 1", "of these in use", []Family{RedisMetrics}},
	{"current_transaction", fields.Number, "", "number of the transaction", []Family{PostgresMetrics}},
	{"db_size", fields.Number, "bytes", "size of the database", []Family{PostgresMetrics}},
	{"db_max_size", fields.Number, "bytes", "size that the plan has", []Family{PostgresMetrics}},
	{"db_size_percentage_used", fields.Number, "of 1", "of that in use", []Family{PostgresMetrics}},
	{"tables", fields.Number, "", "tables", []Family{PostgresMetrics}},
	{"index_cache_hit_rate", fields.Number, "of 1", "index reads that needed no disk", []Family{PostgresMetrics}},
	{"table_cache_hit_rate", fields.Number, "of 1", "table reads that needed no disk", []Family{PostgresMetrics}},
	{"tmp_disk_used", fields.Number, "bytes", "temporary disk in use", []Family{PostgresMetrics}},
	{"tmp_disk_available", fields.Number, "bytes", "temporary disk that is free", []Family{PostgresMetrics}},
	{"wal_percentage_used", fields.Number, "of 1", "disk of the write-ahead log in use", []Family{PostgresMetrics}},
	{"follower_lag_commits", fields.Number, "", "commits that a follower is behind", []Family{PostgresMetrics}},
	{"client_active", fields.Number, "", "clients with a connection to the server", []Family{PgBouncerMetrics}},
	{"client_waiting", fields.Number, "", "clients that wait for one", []Family{PgBouncerMetrics}},
	{"server_active", fields.Number, "", "connections to the server in use", []Family{PgBouncerMetrics}},
	{"server_idle", fields.Number, "", "connections to the server that are idle", []Family{PgBouncerMetrics}},
	{"max_wait", fields.Number, "s", "longest wait of a client now", []Family{PgBouncerMetrics}},
	{"avg_query", fields.Number, "µs", "average duration of queries", []Family{PgBouncerMetrics}},
	{"avg_recv", fields.Number, "bytes/s", "received from clients", []Family{PgBouncerMetrics}},
	{"avg_sent", fields.Number, "bytes/s", "sent to clients", []Family{PgBouncerMetrics}},
	{"hit_rate", fields.Number, "of 1", "reads that found their key", []Family{RedisMetrics}},
	{"evicted_keys", fields.Number, "", "keys removed for want of memory", []Family{RedisMetrics}},

	{"color", fields.Text, "", "color of the database in the names of its config vars", []Family{PostgresLog}},
	{"log_line", fields.Number, "", "number of the message", []Family{PostgresLog}},
	{"log_part", fields.Number, "", "part of the message, from 1 on", []Family{PostgresLog}},
	{"sql_error_code", fields.Text, "", "SQLSTATE, 00000 for no error", []Family{PostgresLog}},
	{"level", fields.Text, "", "what Postgres calls it: LOG, ERROR, STATEMENT", []Family{PostgresLog}},
	{"message", fields.Text, "", "what the server says, with the statement", []Family{PostgresLog}},
	{"pid", fields.Number, "", "process of the session", []Family{PostgresLog}},
	{"database", fields.Text, "", "name of the database", []Family{PostgresLog}},
	{"connection_source", fields.Text, "", "address of the client", []Family{PostgresLog}},
	{"application_name", fields.Text, "", "name that the client goes by", []Family{PostgresLog}},
	{"duration", fields.Number, "ms", "duration of the statement", []Family{PostgresLog}},
}

// Event is a word of the field event.
type Event struct {
	Word string
	// Line is what the line says.
	Line   string
	Family Family
}

// Events are all words of the field event.
var Events = []Event{
	{"state_changed", "State changed from starting to up", Dynos},
	{"starting", "Starting process with command `…`", Dynos},
	{"stopping", "Stopping all processes with SIGTERM", Dynos},
	{"exited", "Process exited with status 143", Dynos},
	{"running", "Process running mem=870M(170.1%)", Dynos},
	{"restarting", "Restarting", Dynos},
	{"cycling", "Cycling", Dynos},
	{"idling", "Idling", Dynos},
	{"unidling", "Unidling", Dynos},
	{"relocating", "Relocating dyno to a new server", Dynos},
	{"awaiting_client", "Awaiting client", Dynos},
	{"build_started", "Build started by user …", API},
	{"build_succeeded", "Build succeeded", API},
	{"build_failed", "Build failed -- check your build output: …", API},
	{"deploy", "Deploy 8c456a46 by user …", API},
	{"release", "Release v9 created by user …, Initial release by user …", API},
	{"release_phase", "Running release v9 commands by user …", API},
	{"rollback", "Rollback to v7 by user …", API},
	{"scaled", "Scaled to web@3:Performance-L by user …", API},
	{"config_set", "Set A, B config vars by user …", API},
	{"config_removed", "Remove A config vars by user …", API},
	{"attached", "Attach DATABASE (@ref:…) by user …", API},
	{"detached", "Detach DATABASE (@ref:…) by user …", API},
	{"provisioned", "@ref:… completed provisioning, setting DATABASE_URL. by user …", API},
	{"enabled_logplex", "Enable Logplex by user …", API},
	{"starting", "Starting process with command `…` by user …", API},
}
