// Package config is Drainline's configuration: what can be set, what it must
// look like, and how files, environment and flags become one Config.
package config

import "time"

// Config is a whole, validated configuration. It is not changed after loading:
// a reload makes a new one.
type Config struct {
	// Version is that of the files' schema, always the SchemaVersion.
	Version int `koanf:"version"`

	Include      []string               `koanf:"include"`
	Bus          Bus                    `koanf:"bus"`
	Ingest       Ingest                 `koanf:"ingest"`
	Drains       []Drain                `koanf:"drains"`
	Joins        map[string]Join        `koanf:"joins"`
	Redaction    RedactionKey           `koanf:"redaction"`
	Rules        []Rule                 `koanf:"rules"`
	Unrouted     string                 `koanf:"unrouted"`
	Destinations map[string]Destination `koanf:"destinations"`
	Inspector    Inspector              `koanf:"inspector"`
	Telemetry    Telemetry              `koanf:"telemetry"`
	Admin        Admin                  `koanf:"admin"`

	// Certificates is a digest of the files that the tls sections name. It tells a
	// renewed certificate; the SHA of the configuration does not.
	Certificates string `koanf:"-"`
}

// Bus is the NATS JetStream that carries everything between the services.
type Bus struct {
	URL            string        `koanf:"url"`
	Prefix         string        `koanf:"prefix"`
	Replicas       int           `koanf:"replicas"`
	ConnectTimeout time.Duration `koanf:"connect_timeout"`
	CredsFile      string        `koanf:"creds_file"`
	NKey           Secret        `koanf:"nkey"`
	NKeyFile       string        `koanf:"nkey_file"`
	TLS            ClientTLS     `koanf:"tls"`
	Raw            RawStream     `koanf:"raw"`
	Dead           DeadStream    `koanf:"dead"`
	Embedded       Embedded      `koanf:"embedded"`
}

// RawStream sizes the streams between ingest and transform.
type RawStream struct {
	// MaxBytes bounds the streams of Shards together, not those of OrderedShards, which
	// may have as much again, and a tenth of it while no drain joins lines.
	MaxBytes Bytes `koanf:"max_bytes"`
	Shards   int   `koanf:"shards"`
	// OrderedShards are those for drains with joined lines, beside Shards.
	OrderedShards int `koanf:"ordered_shards"`
}

// DeadStream bounds what is kept of dead letters.
type DeadStream struct {
	MaxAge   time.Duration `koanf:"max_age"`
	MaxBytes Bytes         `koanf:"max_bytes"`
}

// Embedded is the NATS server inside `drainline run`, used when bus.url is empty.
type Embedded struct {
	Dir      string `koanf:"dir"`
	Sync     string `koanf:"sync"`
	Listen   string `koanf:"listen"`
	MaxBytes Bytes  `koanf:"max_bytes"`
	// EncryptionKey encrypts what the server writes; empty is no encryption.
	EncryptionKey     Secret `koanf:"encryption_key"`
	EncryptionKeyFile string `koanf:"encryption_key_file"`
}

// Ingest is what the doors share.
type Ingest struct {
	Hold          time.Duration `koanf:"hold"`
	BehindProxy   bool          `koanf:"behind_proxy"`
	ShutdownDelay time.Duration `koanf:"shutdown_delay"`
	PublicURL     string        `koanf:"public_url"`
	Spool         Spool         `koanf:"spool"`
	Identity      Identity      `koanf:"identity"`
	Logplex       Logplex       `koanf:"logplex"`
	HEC           HEC           `koanf:"hec"`
}

// Spool is a small JetStream beside ingest that takes what the bus cannot.
type Spool struct {
	Dir      string `koanf:"dir"`
	MaxBytes Bytes  `koanf:"max_bytes"`
	// EncryptionKey encrypts what the store writes; empty is no encryption.
	EncryptionKey     Secret `koanf:"encryption_key"`
	EncryptionKeyFile string `koanf:"encryption_key_file"`
}

// Identity is how the app of a line is found: by the words drain, path, query,
// hostname, credential and token, the first that gives one.
type Identity struct {
	AppFrom []string `koanf:"app_from"`
}

// Where the name of an app may come from, the words of Identity.AppFrom.
const (
	AppFromDrain      = "drain"
	AppFromPath       = "path"
	AppFromQuery      = "query"
	AppFromHostname   = "hostname"
	AppFromCredential = "credential"
	AppFromToken      = "token"
)

// Logplex is the door for Heroku's log drains.
type Logplex struct {
	Listen        string                `koanf:"listen"`
	TLS           ServerTLS             `koanf:"tls"`
	Paths         []string              `koanf:"paths"`
	MaxBody       Bytes                 `koanf:"max_body"`
	Limits        Limits                `koanf:"limits"`
	UnknownDrains string                `koanf:"unknown_drains"`
	UnknownIndex  string                `koanf:"unknown_index"`
	QueryFields   []string              `koanf:"query_fields"`
	Credentials   map[string]Credential `koanf:"credentials"`
}

// What is done with requests of drains that are not listed.
const (
	AcceptDrains     = "accept"
	QuarantineDrains = "quarantine"
	RejectDrains     = "reject"
)

// Limits bound what senders can take of a door.
type Limits struct {
	Connections int           `koanf:"connections"`
	Requests    int           `koanf:"requests"`
	Header      Bytes         `koanf:"header"`
	Compressed  Bytes         `koanf:"compressed"`
	Upload      time.Duration `koanf:"upload"`
}

// Rate bounds what comes in a second; zero is no bound.
type Rate struct {
	Requests int   `koanf:"requests"`
	Bytes    Bytes `koanf:"bytes"`
}

// Credential lets drains in.
type Credential struct {
	User               string   `koanf:"user"`
	Secret             Secret   `koanf:"secret"`
	SecretFile         string   `koanf:"secret_file"`
	PreviousSecret     Secret   `koanf:"previous_secret"`
	PreviousSecretFile string   `koanf:"previous_secret_file"`
	Apps               []string `koanf:"apps"`
	StructuredData     string   `koanf:"structured_data"`
	Rate               Rate     `koanf:"rate"`
}

// Whether frames have RFC 5424's structured data: by sender, or for certain.
const (
	StructuredDataAuto   = "auto"
	StructuredDataNever  = "never"
	StructuredDataAlways = "always"
)

// HEC is the door for clients of Splunk's HTTP Event Collector.
type HEC struct {
	Listen         string           `koanf:"listen"`
	TLS            ServerTLS        `koanf:"tls"`
	MaxBody        Bytes            `koanf:"max_body"`
	MaxEvent       Bytes            `koanf:"max_event"`
	MaxEvents      int              `koanf:"max_events"`
	MaxDepth       int              `koanf:"max_depth"`
	Limits         Limits           `koanf:"limits"`
	TrustedProxies []string         `koanf:"trusted_proxies"`
	Acks           Acks             `koanf:"acks"`
	Tokens         map[string]Token `koanf:"tokens"`
}

// Acks bound HEC's indexer acknowledgement.
type Acks struct {
	Channels          int           `koanf:"channels"`
	Pending           int           `koanf:"pending"`
	PendingPerChannel int           `koanf:"pending_per_channel"`
	Idle              time.Duration `koanf:"idle"`
}

// Token lets HEC clients in. Allow has networks in CIDR notation, as
// HEC.TrustedProxies does.
type Token struct {
	Token           Secret            `koanf:"token"`
	TokenFile       string            `koanf:"token_file"`
	Disabled        bool              `koanf:"disabled"`
	Index           string            `koanf:"index"`
	Indexes         []string          `koanf:"indexes"`
	Source          string            `koanf:"source"`
	Sourcetype      string            `koanf:"sourcetype"`
	Host            string            `koanf:"host"`
	Fields          map[string]string `koanf:"fields"`
	Allow           []string          `koanf:"allow"`
	Ack             bool              `koanf:"ack"`
	QueryStringAuth bool              `koanf:"query_string_auth"`
	SplitArrays     bool              `koanf:"split_arrays"`
	Rate            Rate              `koanf:"rate"`
}

// Drain is what is known of one log drain. Events from From on and before Until
// are shipped; a zero time is no bound. An empty StructuredData leaves it to the
// credential.
type Drain struct {
	Token          string            `koanf:"token"`
	App            string            `koanf:"app"`
	Index          string            `koanf:"index"`
	Source         string            `koanf:"source"`
	Sourcetype     string            `koanf:"sourcetype"`
	Fields         map[string]string `koanf:"fields"`
	Destinations   []string          `koanf:"destinations"`
	Format         string            `koanf:"format"`
	Join           []string          `koanf:"join"`
	StructuredData string            `koanf:"structured_data"`
	From           time.Time         `koanf:"from"`
	Until          time.Time         `koanf:"until"`
	// ExpectWithin is how long the drain may be silent; zero is for ever.
	ExpectWithin time.Duration `koanf:"expect_within"`
}

// Join is how lines of one process become one event. Either it is a preset with
// other limits, or it has patterns of its own.
type Join struct {
	Preset       string        `koanf:"preset"`
	Start        string        `koanf:"start"`
	Continuation string        `koanf:"continuation"`
	MaxLines     int           `koanf:"max_lines"`
	MaxBytes     Bytes         `koanf:"max_bytes"`
	MaxWait      time.Duration `koanf:"max_wait"`
}

// RedactionKey is for redactions that replace a value by an HMAC of it.
type RedactionKey struct {
	Key     Secret `koanf:"key"`
	KeyFile string `koanf:"key_file"`
}

// Rule is one step of what is done to every event, in order. What it does not
// say is left as it is.
type Rule struct {
	Name         string            `koanf:"name"`
	Apps         []string          `koanf:"apps"`
	When         string            `koanf:"when"`
	Parse        string            `koanf:"parse"`
	Set          map[string]string `koanf:"set"`
	Fields       FieldChanges      `koanf:"fields"`
	Body         string            `koanf:"body"`
	Format       string            `koanf:"format"`
	Redact       []Redaction       `koanf:"redact"`
	Metrics      string            `koanf:"metrics"`
	MetricsIndex string            `koanf:"metrics_index"`
	Sample       Sample            `koanf:"sample"`
	Limit        Limit             `koanf:"limit"`
	Drop         bool              `koanf:"drop"`
	To           []string          `koanf:"to"`
	Stop         bool              `koanf:"stop"`
	OnError      string            `koanf:"on_error"`

	// Scope has the apps of a file that is limited to some; nil is no limit.
	Scope []string `koanf:"-"`
	// File and Path say where the rule stands, such as rules.d/web.yaml and rules[3].
	File string `koanf:"-"`
	Path string `koanf:"-"`
}

// FieldChanges are made to indexed fields: first Rename (from old name to new),
// then Remove (names, which may have *), then Add (templates).
type FieldChanges struct {
	Add    map[string]string `koanf:"add"`
	Remove []string          `koanf:"remove"`
	Rename map[string]string `koanf:"rename"`
}

// Redaction replaces what a preset or a pattern finds, by With or by an HMAC.
// Exactly one of Preset and Pattern is set.
type Redaction struct {
	Preset  string
	Pattern string
	With    string
	HMAC    bool
}

// Sample keeps one of Rate events; zero is off. Key is an expression: events of
// one key are kept or dropped together.
type Sample struct {
	Rate int    `koanf:"rate"`
	Key  string `koanf:"key"`
}

// Limit bounds events and bytes a second of each key; zero is no bound. Over says
// what becomes of the rest; Rate is for OverSample.
type Limit struct {
	Events int    `koanf:"events"`
	Bytes  Bytes  `koanf:"bytes"`
	Key    string `koanf:"key"`
	Over   string `koanf:"over"`
	Rate   int    `koanf:"rate"`
}

// Whether and how a line is parsed, the words of Rule.Parse; any other value is a
// regular expression with named groups.
const (
	ParseAuto   = "auto"
	ParseJSON   = "json"
	ParseLogfmt = "logfmt"
	ParseNone   = "none"
)

// What _raw looks like, the words of Drain.Format, Rule.Format and
// Destination.Format. Empty leaves the choice to who comes before.
const (
	FormatText      = "text"
	FormatSplunkRaw = "splunk_raw"
	FormatVector    = "vector"
	FormatJSON      = "json"
)

// BodyJSON is the word of Rule.Body that sends what was parsed.
const BodyJSON = "json"

// What metric lines become, the words of Rule.Metrics.
const (
	MetricsEvents  = "events"
	MetricsMetrics = "metrics"
	MetricsBoth    = "both"
)

// What becomes of events over a limit.
const (
	OverDrop   = "drop"
	OverSample = "sample"
	OverDead   = "dead"
)

// What becomes of an event when a rule fails.
const (
	OnErrorKeep = "keep"
	OnErrorDead = "dead"
)

// What becomes of events that no destination wants.
const (
	UnroutedDrop = "drop"
	UnroutedDead = "dead"
)

// JoinPresets are the joins that need no entry.
var JoinPresets = []string{"go", "java", "node", "python", "ruby"}

// RedactPresets are the words of Rule.Redact.
var RedactPresets = []string{
	"aws_key", "bearer", "credit_card", "email", "heroku_token", "ipv4", "ipv6", "jwt", "password", "private_key",
	"query_values", "url_password",
}

// Destination is where events go, with a stream of its own: by Type a Splunk HTTP
// Event Collector, alone or as several endpoints of a cluster, or nowhere.
type Destination struct {
	Type           string        `koanf:"type"`
	URLs           []string      `koanf:"urls"`
	Token          Secret        `koanf:"token"`
	TokenFile      string        `koanf:"token_file"`
	When           string        `koanf:"when"`
	Endpoint       string        `koanf:"endpoint"`
	Format         string        `koanf:"format"`
	IndexedFields  []string      `koanf:"indexed_fields"`
	Indexes        []string      `koanf:"indexes"`
	OnUnknownIndex string        `koanf:"on_unknown_index"`
	FallbackIndex  string        `koanf:"fallback_index"`
	MaxEvent       Bytes         `koanf:"max_event"`
	OnLargeEvent   string        `koanf:"on_large_event"`
	MaxBytes       Bytes         `koanf:"max_bytes"`
	WhenFull       string        `koanf:"when_full"`
	Gzip           bool          `koanf:"gzip"`
	GzipLevel      int           `koanf:"gzip_level"`
	Timeout        time.Duration `koanf:"timeout"`
	Batch          Batch         `koanf:"batch"`
	Concurrency    Concurrency   `koanf:"concurrency"`
	Retry          Retry         `koanf:"retry"`
	RateLimit      RateLimit     `koanf:"rate_limit"`
	Ack            string        `koanf:"ack"`
	AckTimeout     time.Duration `koanf:"ack_timeout"`
	Proxy          Secret        `koanf:"proxy"`
	ProxyFile      string        `koanf:"proxy_file"`
	Health         Health        `koanf:"health"`
	TLS            ClientTLS     `koanf:"tls"`
}

// What a destination is, the words of Destination.Type.
const (
	TypeSplunkHEC = "splunk_hec"
	TypeDiscard   = "discard"
)

// The endpoints of HEC, the words of Destination.Endpoint.
const (
	EndpointEvent = "event"
	EndpointRaw   = "raw"
)

// What becomes of events for an index that is not among Destination.Indexes, or
// that Splunk refuses, the words of Destination.OnUnknownIndex.
const (
	IndexSend     = "send"
	IndexFallback = "fallback"
	IndexDead     = "dead"
	IndexPark     = "park"
)

// What becomes of an event larger than Destination.MaxEvent, the words of
// Destination.OnLargeEvent.
const (
	LargeTruncate = "truncate"
	LargeDead     = "dead"
)

// What a destination does whose stream is full, the words of Destination.WhenFull.
const (
	FullBlock      = "block"
	FullDropOldest = "drop_oldest"
	FullDead       = "dead"
)

// Whether Splunk's indexer acknowledgement is waited for, the words of
// Destination.Ack. Auto does where a token has it.
const (
	AckAuto = "auto"
	AckOn   = "on"
	AckOff  = "off"
)

// ProxyNone is the word of Destination.Proxy for none at all. Empty is the one that
// the environment names, if any.
const ProxyNone = "none"

// Batch bounds one HEC request.
type Batch struct {
	MaxBytes  Bytes         `koanf:"max_bytes"`
	MaxEvents int           `koanf:"max_events"`
	Linger    time.Duration `koanf:"linger"`
}

// Concurrency bounds the HEC requests in flight: by Max, or Adaptive finds below it
// what the destination takes.
type Concurrency struct {
	Max      int  `koanf:"max"`
	Adaptive bool `koanf:"adaptive"`
}

// Retry spaces the tries of a request that failed for a reason that may pass. What
// could not be delivered for GiveUpAfter is a dead letter; zero never gives up.
type Retry struct {
	Initial     time.Duration `koanf:"initial"`
	Max         time.Duration `koanf:"max"`
	GiveUpAfter time.Duration `koanf:"give_up_after"`
}

// RateLimit bounds what goes out in a second; zero is no bound. Bytes are those of
// requests before compression.
type RateLimit struct {
	Requests int   `koanf:"requests"`
	Events   int   `koanf:"events"`
	Bytes    Bytes `koanf:"bytes"`
}

// Health is how often each endpoint is asked for its health; zero is never.
type Health struct {
	Interval time.Duration `koanf:"interval"`
}

// ClientTLS is how a connection that Drainline opens is secured.
type ClientTLS struct {
	CAFile             string `koanf:"ca_file"`
	CertFile           string `koanf:"cert_file"`
	KeyFile            string `koanf:"key_file"`
	ServerName         string `koanf:"server_name"`
	MinVersion         string `koanf:"min_version"`
	InsecureSkipVerify bool   `koanf:"insecure_skip_verify"`
}

// ServerTLS is how a listener is secured; both files empty means plain HTTP.
type ServerTLS struct {
	CertFile     string `koanf:"cert_file"`
	KeyFile      string `koanf:"key_file"`
	ClientCAFile string `koanf:"client_ca_file"`
	MinVersion   string `koanf:"min_version"`
}

// Inspector is the page that shows what would reach Splunk.
type Inspector struct {
	Listen    string `koanf:"listen"`
	MaxEvents int    `koanf:"max_events"`
}

// Telemetry is what Drainline tells of itself.
type Telemetry struct {
	Traces  Traces  `koanf:"traces"`
	Metrics Metrics `koanf:"metrics"`
	Logs    Logs    `koanf:"logs"`
	Ledger  Ledger  `koanf:"ledger"`
}

// Traces follow requests through the services.
type Traces struct {
	// OTLP is where they are sent, as a URL: http and https for OTLP over HTTP, grpc and
	// grpcs for gRPC. Empty leaves it to OTEL_*, and without that none are made.
	OTLP string `koanf:"otlp"`
	// Sample is the part of requests that begin a trace, in percent.
	Sample float64 `koanf:"sample"`
	// Field is the indexed field that events of traced requests get; empty for none.
	Field string `koanf:"field"`
}

// Metrics are pushed, beside being served to Prometheus.
type Metrics struct {
	OTLP     string        `koanf:"otlp"` // as Traces.OTLP
	Interval time.Duration `koanf:"interval"`
}

// Logs shapes the program's own log.
type Logs struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
	OTLP   string `koanf:"otlp"` // as Traces.OTLP
}

// Ledger is the books: what became of every event.
type Ledger struct {
	// Keep is for how long.
	Keep time.Duration `koanf:"keep"`
}

// Admin is the listener for health, metrics and profiles.
type Admin struct {
	Listen string `koanf:"listen"`
	Pprof  bool   `koanf:"pprof"`
}
