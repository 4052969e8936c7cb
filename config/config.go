// Package config is Drainline's configuration: what can be set, what it must
// look like, and how files, environment and flags become one Config.
package config

import "time"

// Config is a whole, validated configuration. It is not changed after loading:
// a reload makes a new one.
type Config struct {
	Include      []string               `koanf:"include"`
	Bus          Bus                    `koanf:"bus"`
	Ingest       Ingest                 `koanf:"ingest"`
	Drains       []Drain                `koanf:"drains"`
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
	TLS            ClientTLS     `koanf:"tls"`
	Raw            RawStream     `koanf:"raw"`
	Dead           DeadStream    `koanf:"dead"`
	Embedded       Embedded      `koanf:"embedded"`
}

// RawStream sizes the streams between ingest and transform.
type RawStream struct {
	MaxBytes Bytes `koanf:"max_bytes"`
	Shards   int   `koanf:"shards"`
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
	StructuredData string            `koanf:"structured_data"`
	From           time.Time         `koanf:"from"`
	Until          time.Time         `koanf:"until"`
}

// Destination is one Splunk HTTP Event Collector.
type Destination struct {
	URLs        []string      `koanf:"urls"`
	Token       Secret        `koanf:"token"`
	TokenFile   string        `koanf:"token_file"`
	MaxBytes    Bytes         `koanf:"max_bytes"`
	Gzip        bool          `koanf:"gzip"`
	Timeout     time.Duration `koanf:"timeout"`
	Batch       Batch         `koanf:"batch"`
	Concurrency Concurrency   `koanf:"concurrency"`
	Retry       Retry         `koanf:"retry"`
	TLS         ClientTLS     `koanf:"tls"`
}

// Batch bounds one HEC request.
type Batch struct {
	MaxBytes  Bytes         `koanf:"max_bytes"`
	MaxEvents int           `koanf:"max_events"`
	Linger    time.Duration `koanf:"linger"`
}

// Concurrency bounds the HEC requests in flight.
type Concurrency struct {
	Max int `koanf:"max"`
}

// Retry spaces the tries of a request that failed for a reason that may pass.
type Retry struct {
	Initial time.Duration `koanf:"initial"`
	Max     time.Duration `koanf:"max"`
}

// ClientTLS is how a connection that Drainline opens is secured.
type ClientTLS struct {
	CAFile             string `koanf:"ca_file"`
	CertFile           string `koanf:"cert_file"`
	KeyFile            string `koanf:"key_file"`
	ServerName         string `koanf:"server_name"`
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
	Logs Logs `koanf:"logs"`
}

// Logs shapes the program's own log.
type Logs struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

// Admin is the listener for health, metrics and profiles.
type Admin struct {
	Listen string `koanf:"listen"`
	Pprof  bool   `koanf:"pprof"`
}
