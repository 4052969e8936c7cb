package ingest

import (
	"cmp"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/ingest/internal/door"
)

// madeUser is the user in the drain URL where none is configured.
const madeUser = "drain"

// settings are one configuration as ingest applies it.
type settings struct {
	door      door.Settings
	publicURL string
	tls       bool
	user      string
	secret    string
	made      bool
}

// newSettings takes the credentials from the configuration, or has one made. The
// drain URL shows the one named config.DefaultCredential or else the first.
func newSettings(c *config.Config, secret *madeSecret) (*settings, error) {
	l := c.Ingest.Logplex
	s := &settings{
		door: door.Settings{
			Paths: l.Paths, Hold: c.Ingest.Hold, MaxBody: int64(l.MaxBody), QueryFields: l.QueryFields,
		},
		publicURL: c.Ingest.PublicURL, tls: l.TLS.CertFile != "",
	}
	if len(l.Credentials) == 0 {
		text, err := secret.get()
		if err != nil {
			return nil, err
		}
		s.user, s.secret, s.made = madeUser, text, true
		s.door.Credentials = []door.Credential{{Name: config.DefaultCredential, Secret: text}}
		return s, nil
	}
	names := slices.Sorted(maps.Keys(l.Credentials))
	for _, name := range names {
		s.door.Credentials = append(s.door.Credentials, door.Credential{Name: name, Secret: l.Credentials[name].Secret.Reveal()})
	}
	shown, ok := l.Credentials[config.DefaultCredential]
	if !ok {
		shown = l.Credentials[names[0]]
	}
	s.user, s.secret = cmp.Or(shown.User, madeUser), shown.Secret.Reveal()
	return s, nil
}

// drainURL needs no escaping: the configuration takes only secrets and users
// that a URL can carry as they are.
func (s *settings) drainURL(listening net.Addr, reveal bool) string {
	base := s.publicURL
	if base == "" {
		base = "http://localhost"
		if s.tls {
			base = "https://localhost"
		}
		if tcp, ok := listening.(*net.TCPAddr); ok {
			base += ":" + strconv.Itoa(tcp.Port)
		}
	}
	secret := "***"
	if reveal {
		secret = s.secret
	}
	scheme, rest, _ := strings.Cut(base, "://")
	return scheme + "://" + s.user + ":" + secret + "@" + strings.TrimRight(rest, "/") + s.door.Paths[0]
}
