package ingest

import (
	"cmp"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
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

// newSettings takes the credentials from the configuration, or has one made; there
// is none where none can be kept and only HEC tokens are configured. The drain URL shows the one named config.DefaultCredential or else the first.
func newSettings(c *config.Config, secret *madeSecret) (*settings, error) {
	l := c.Ingest.Logplex
	s := &settings{
		door: door.Settings{
			Paths: l.Paths, Hold: c.Ingest.Hold, MaxBody: int64(l.MaxBody), Limits: l.Limits,
			QueryFields: l.QueryFields, AppFrom: c.Ingest.Identity.AppFrom,
			Drains: listedDrains(c.Drains), Joined: joinedDrains(c.Drains), Expected: expectedDrains(c.Drains), UnknownDrains: c.UnknownDrains(),
		},
		publicURL: c.Ingest.PublicURL, tls: l.TLS.CertFile != "",
	}
	if len(l.Credentials) == 0 && secret.dir == "" && len(c.Ingest.HEC.Tokens) > 0 {
		return s, nil // for HEC clients only
	}
	if len(l.Credentials) == 0 {
		text, err := secret.get()
		if err != nil {
			return nil, err
		}
		s.user, s.secret, s.made = madeUser, text, true
		s.door.Credentials = []door.Credential{{Name: config.DefaultCredential, Secrets: []string{text}}}
		return s, nil
	}
	names := slices.Sorted(maps.Keys(l.Credentials))
	for _, name := range names {
		s.door.Credentials = append(s.door.Credentials, newCredential(name, l.Credentials[name]))
	}
	shown, ok := l.Credentials[config.DefaultCredential]
	if !ok {
		shown = l.Credentials[names[0]]
	}
	s.user, s.secret = cmp.Or(shown.User, madeUser), shown.Secret.Reveal()
	return s, nil
}

func newCredential(name string, c config.Credential) door.Credential {
	secrets := []string{c.Secret.Reveal()}
	if previous := c.PreviousSecret.Reveal(); previous != "" {
		secrets = append(secrets, previous)
	}
	return door.Credential{
		Name: name, Secrets: secrets, Apps: c.Apps, StructuredData: structuredData(c.StructuredData), Rate: c.Rate,
	}
}

func structuredData(word string) drainlinev1.StructuredData {
	switch word {
	case config.StructuredDataNever:
		return drainlinev1.StructuredData_STRUCTURED_DATA_NEVER
	case config.StructuredDataAlways:
		return drainlinev1.StructuredData_STRUCTURED_DATA_ALWAYS
	default:
		return drainlinev1.StructuredData_STRUCTURED_DATA_UNSPECIFIED
	}
}

// listedDrains are the apps of drains by their tokens.
func listedDrains(drains []config.Drain) map[string]string {
	listed := make(map[string]string, len(drains))
	for i := range drains {
		listed[drains[i].Token] = drains[i].App
	}
	return listed
}

// expectedDrains are the tokens of the drains that must not be silent for long.
func expectedDrains(drains []config.Drain) []string {
	var tokens []string
	for i := range drains {
		if drains[i].ExpectWithin > 0 {
			tokens = append(tokens, drains[i].Token)
		}
	}
	return tokens
}

// joinedDrains are the tokens of the drains whose lines are joined.
func joinedDrains(drains []config.Drain) map[string]bool {
	joined := map[string]bool{}
	for i := range drains {
		if len(drains[i].Join) > 0 {
			joined[drains[i].Token] = true
		}
	}
	return joined
}

// drainURL needs no escaping: the configuration takes only secrets and users
// that a URL can carry as they are.
func (s *settings) drainURL(listening net.Addr, reveal bool) string {
	base := cmp.Or(s.publicURL, localURL(listening, s.tls))
	secret := "***"
	if reveal {
		secret = s.secret
	}
	scheme, rest, _ := strings.Cut(base, "://")
	return scheme + "://" + s.user + ":" + secret + "@" + strings.TrimRight(rest, "/") + s.door.Paths[0]
}

// localURL is a door's URL on this machine.
func localURL(listening net.Addr, tls bool) string {
	base := "http://localhost"
	if tls {
		base = "https://localhost"
	}
	if tcp, ok := listening.(*net.TCPAddr); ok {
		base += ":" + strconv.Itoa(tcp.Port)
	}
	return base
}
