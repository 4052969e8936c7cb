// Package sender makes requests as ingest would store them, for trials of rules.
package sender

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

// Facts are what is known of a request beside its body. All may be empty.
type Facts struct {
	// Drain is the token of a drain.
	Drain string
	// App is the one that the URL's path names: /logs/<app>.
	App string
	// Query are the parameters of the URL.
	Query map[string]string
	// Credential is the name of an entry of ingest.logplex.credentials, at the HEC door of
	// ingest.hec.tokens. Empty is a sender of which the configuration says nothing.
	Credential string
	// Door is where it came in; none is that of the body's kind.
	Door drainlinev1.Door
	// Marks are what ingest notes about a request, such as wire.MarkOverRate.
	Marks []string
}

// client is the address of HEC clients, one for documentation (RFC 5737).
const client = "192.0.2.1"

// Sender sends requests, with ids from 1 on. It is used by one goroutine at a time.
type Sender struct {
	base  drainlinev1.Request
	facts Facts
	// lines and events are the defaults of a drain's lines and of HEC's events at the
	// HEC door.
	lines, events *drainlinev1.Defaults
	sent          uint64
}

// New makes a sender. It fails where ingest would refuse its requests, or would not
// keep what the facts say.
func New(c *config.Config, f Facts) (*Sender, error) {
	s := &Sender{facts: f}
	s.base.DrainToken = f.Drain
	s.base.Credential = cmp.Or(f.Credential, config.DefaultCredential)
	s.base.Door = f.Door
	facts := &drainlinev1.Facts{PathApp: f.App, UserAgent: "Logplex/v73", RemoteAddr: client}
	s.base.Facts = facts
	s.base.Marks = slices.Clone(f.Marks)
	var err error
	switch f.Door {
	case drainlinev1.Door_DOOR_HEC:
		err = s.setToken(c)
	case drainlinev1.Door_DOOR_LOGPLEX:
		err = s.setCredential(c, facts)
	default:
		if err = s.setCredential(c, facts); err == nil {
			err = s.setDefaults(&config.Token{})
		}
	}
	if err != nil {
		return nil, err
	}
	return s, s.setDrain(c)
}

func (s *Sender) setToken(c *config.Config) error {
	t, err := entry(c.Ingest.HEC.Tokens, s.facts.Credential, "ingest.hec.tokens")
	if err != nil {
		return err
	}
	s.base.Query = maps.Clone(s.facts.Query)
	maps.DeleteFunc(s.base.GetQuery(), func(name, _ string) bool { // such as index, which is for HEC itself
		return !isKept(name, c.Ingest.Logplex.QueryFields)
	})
	return s.setDefaults(&t)
}

// setDefaults makes the defaults of a token, as ingest does.
func (s *Sender) setDefaults(t *config.Token) error {
	token := &drainlinev1.Defaults{
		Host: t.Host, Source: t.Source, Sourcetype: t.Sourcetype, Index: t.Index,
		Fields: hec.IndexedFields(t.Fields), SplitArrays: t.SplitArrays,
	}
	query := func(name string) string { return s.facts.Query[name] }
	s.lines = hec.LineDefaults(token, query)
	var err error
	if s.events, err = hec.EventDefaults(token, query, s.base.GetCredential(), client); err != nil {
		return fmt.Errorf("query time: HEC refuses it: %w", err)
	}
	return nil
}

func (s *Sender) setCredential(c *config.Config, facts *drainlinev1.Facts) error {
	credential, err := entry(c.Ingest.Logplex.Credentials, s.facts.Credential, "ingest.logplex.credentials")
	if err != nil {
		return err
	}
	facts.Apps = credential.Apps
	switch credential.StructuredData {
	case config.StructuredDataNever:
		facts.StructuredData = drainlinev1.StructuredData_STRUCTURED_DATA_NEVER
	case config.StructuredDataAlways:
		facts.StructuredData = drainlinev1.StructuredData_STRUCTURED_DATA_ALWAYS
	}
	if app := s.facts.App; app != "" && len(facts.GetApps()) > 0 && !slices.Contains(facts.GetApps(), app) {
		return fmt.Errorf("app %s: ingest refuses it, the credential %s is limited to %s",
			app, s.facts.Credential, strings.Join(facts.GetApps(), ", "))
	}
	return s.setQuery(c.Ingest.Logplex.QueryFields)
}

// entry is that of a name. The default credential has none.
func entry[T any](entries map[string]T, name, section string) (T, error) {
	e, ok := entries[name]
	if ok || name == "" || name == config.DefaultCredential {
		return e, nil
	}
	return e, fmt.Errorf("credential %s: it is no entry of %s%s", name, section, config.Nearest(name, slices.Sorted(maps.Keys(entries))))
}

// setQuery wants of the query what ingest.logplex.query_fields keeps.
func (s *Sender) setQuery(kept []string) error {
	for name := range s.facts.Query {
		if !isKept(name, kept) {
			return fmt.Errorf("query %s: ingest does not keep it, ingest.logplex.query_fields has %s", name, strings.Join(kept, ", "))
		}
	}
	s.base.Query = s.facts.Query
	return nil
}

func isKept(name string, kept []string) bool {
	return slices.ContainsFunc(kept, func(entry string) bool { return config.KeepsParameter(entry, name) })
}

// setDrain notes that a drain should be listed, and is not.
func (s *Sender) setDrain(c *config.Config) error {
	token := s.facts.Drain
	if token == "" || slices.ContainsFunc(c.Drains, func(d config.Drain) bool { return d.Token == token }) {
		return nil
	}
	switch c.UnknownDrains() {
	case config.RejectDrains:
		return fmt.Errorf("drain %s: ingest refuses it, it is not listed and ingest.logplex.unknown_drains is reject", token)
	case config.QuarantineDrains:
		if !slices.Contains(s.base.GetMarks(), wire.MarkUnknownDrain) {
			s.base.Marks = append(s.base.Marks, wire.MarkUnknownDrain)
		}
	}
	return nil
}

// Body is what one request carries.
type Body struct {
	Encoding drainlinev1.Encoding
	Bytes    []byte
	Received time.Time
}

// Requests makes the next requests. Bodies are not copied.
func (s *Sender) Requests(bodies []Body) []*drainlinev1.Request {
	requests := make([]*drainlinev1.Request, len(bodies))
	for i := range bodies {
		requests[i] = s.request(&bodies[i])
	}
	return requests
}

func (s *Sender) request(b *Body) *drainlinev1.Request {
	s.sent++
	r := &drainlinev1.Request{
		Id: binary.BigEndian.AppendUint64(make([]byte, 8, len(wire.ID{})), s.sent), Door: s.base.GetDoor(), Credential: s.base.GetCredential(),
		DrainToken: s.base.GetDrainToken(), Facts: s.base.GetFacts(), Query: s.base.GetQuery(), Marks: s.base.GetMarks(),
		ReceivedNs: b.Received.UnixNano(), Encoding: b.Encoding, Body: b.Bytes,
	}
	switch {
	case b.Encoding != drainlinev1.Encoding_ENCODING_FRAMES:
		r.Door, r.Defaults = drainlinev1.Door_DOOR_HEC, s.events
		r.Query, r.DrainToken, r.Marks = nil, "", s.facts.Marks
	case r.GetDoor() == drainlinev1.Door_DOOR_HEC:
		r.Defaults = s.lines
	default:
		r.Door = drainlinev1.Door_DOOR_LOGPLEX
	}
	return r
}

// Number is that of the request with an id that Requests has made.
func Number(id wire.ID) uint64 { return binary.BigEndian.Uint64(id[8:]) }
