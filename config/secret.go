package config

import "strings"

// Secret is text that never prints itself: not with fmt, not in JSON or YAML,
// not in logs. Reveal is the only way to its value.
type Secret string

const (
	redacted = "[redacted]"
	// placeholder stands for a secret that is not used (Loader.Uses) or not there
	// (Loader.Offline). It keeps the rule of every secret but a proxy and an nkey.
	placeholder = Secret("offline-placeholder")
	// placeholderURL stands for what SPLUNK_HEC_URL would give (RFC 2606: it is nobody's).
	placeholderURL = "https://splunk.invalid"
)

// Reveal returns the secret's text.
func (s Secret) Reveal() string { return string(s) }

// String returns a placeholder, or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing the secret.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps encoders from printing the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// hideUserinfo hides the places of a URL where people put secrets: what stands
// before the host, and the query. It works on text that is no valid URL too.
func hideUserinfo(s string) string {
	if at := strings.LastIndex(s, "@"); at >= 0 {
		scheme := ""
		if end := strings.Index(s[:at], "://"); end >= 0 {
			scheme = s[:end+len("://")]
		}
		s = scheme + redacted + s[at:]
	}
	if path, _, ok := strings.Cut(s, "?"); ok {
		s = path + "?" + redacted
	}
	return s
}
