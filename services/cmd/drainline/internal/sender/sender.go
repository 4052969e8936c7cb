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
	// Door is where frames came in; none is Logplex's. All else comes in at the HEC door.
	Door drainlinev1.Door
	// Marks are what ingest notes about a request, such as wire.MarkOverRate.
	Marks []string
}

// client is the address of HEC clients, one for documentation (RFC 5737).
const client = "192.0.2.1"

// Sender sends requests, with ids from 1 on. It is used by one goroutine at a time.
type Sender struct {
	facts Facts
	// marks are those of a drain's requests.
	marks        []string
	logplex, hec entrance
	sent         uint64
}

// entrance is what the requests have that come in at one door.
type entrance struct {
	door  drainlinev1.Door
	facts *drainlinev1.Facts
	query map[string]string
	// lines and events are the defaults of a drain's lines and of HEC's events.
	lines, events *drainlinev1.Defaults
	// refused says why ingest takes none here.
	refused error
}

// New makes a sender. It fails where ingest would refuse its requests, or would not
// keep what the facts say, whatever the requests carry.
func New(c *config.Config, f Facts) (*Sender, error) {
	s := &Sender{facts: f, logplex: logplexEntrance(c, f), hec: hecEntrance(c, f)}
	if err := s.setMarks(c); err != nil {
		return nil, err
	}
	logplex, hec := s.logplex.refused, s.hec.refused
	switch {
	case f.Door == drainlinev1.Door_DOOR_HEC:
		return s, hec
	case f.Door == drainlinev1.Door_DOOR_LOGPLEX || logplex == nil:
		return s, logplex
	case hec == nil:
		return s, nil
	case known(c.Ingest.Logplex.Credentials, f.Credential):
		return s, logplex
	case known(c.Ingest.HEC.Tokens, f.Credential):
		return s, hec
	default:
		names := slices.Concat(slices.Collect(maps.Keys(c.Ingest.Logplex.Credentials)), slices.Collect(maps.Keys(c.Ingest.HEC.Tokens)))
		return s, noEntry(f.Credential, "ingest.logplex.credentials or ingest.hec.tokens", names)
	}
}

func newEntrance(door drainlinev1.Door, f Facts) entrance {
	return entrance{door: door, facts: &drainlinev1.Facts{PathApp: f.App, UserAgent: "Logplex/v73", RemoteAddr: client}}
}

func hecEntrance(c *config.Config, f Facts) entrance {
	e := newEntrance(drainlinev1.Door_DOOR_HEC, f)
	t, err := entry(c.Ingest.HEC.Tokens, f.Credential, "ingest.hec.tokens")
	if err != nil {
		e.refused = err
		return e
	}
	e.query = maps.Clone(f.Query)
	maps.DeleteFunc(e.query, func(name, _ string) bool { // such as index, which is for HEC itself
		return !isKept(name, c.Ingest.Logplex.QueryFields)
	})
	e.refused = e.setDefaults(&t, f)
	return e
}

// setDefaults makes the defaults of a token, as ingest does.
func (e *entrance) setDefaults(t *config.Token, f Facts) error {
	token := &drainlinev1.Defaults{
		Host: t.Host, Source: t.Source, Sourcetype: t.Sourcetype, Index: t.Index,
		Fields: hec.IndexedFields(t.Fields), SplitArrays: t.SplitArrays,
	}
	query := func(name string) string { return f.Query[name] }
	e.lines = hec.LineDefaults(token, query)
	var err error
	if e.events, err = hec.EventDefaults(token, query, f.credential(), client); err != nil {
		return fmt.Errorf("query time: HEC refuses it: %w", err)
	}
	return nil
}

func logplexEntrance(c *config.Config, f Facts) entrance {
	e := newEntrance(drainlinev1.Door_DOOR_LOGPLEX, f)
	credential, err := entry(c.Ingest.Logplex.Credentials, f.Credential, "ingest.logplex.credentials")
	if err != nil {
		e.refused = err
		return e
	}
	e.facts.Apps = credential.Apps
	switch credential.StructuredData {
	case config.StructuredDataNever:
		e.facts.StructuredData = drainlinev1.StructuredData_STRUCTURED_DATA_NEVER
	case config.StructuredDataAlways:
		e.facts.StructuredData = drainlinev1.StructuredData_STRUCTURED_DATA_ALWAYS
	}
	e.query = f.Query
	if app := f.App; app != "" && len(credential.Apps) > 0 && !slices.Contains(credential.Apps, app) {
		e.refused = fmt.Errorf("app %s: ingest refuses it, the credential %s is limited to %s",
			app, f.Credential, strings.Join(credential.Apps, ", "))
		return e
	}
	e.refused = checkQuery(f.Query, c.Ingest.Logplex.QueryFields)
	return e
}

// credential is the name in requests.
func (f Facts) credential() string { return cmp.Or(f.Credential, config.DefaultCredential) }

// known tells whether a name is one of the entries. The default credential has none.
func known[T any](entries map[string]T, name string) bool {
	_, ok := entries[name]
	return ok || name == "" || name == config.DefaultCredential
}

func entry[T any](entries map[string]T, name, section string) (T, error) {
	e := entries[name]
	if known(entries, name) {
		return e, nil
	}
	return e, noEntry(name, section, slices.Collect(maps.Keys(entries)))
}

func noEntry(name, section string, names []string) error {
	slices.Sort(names)
	return fmt.Errorf("credential %s: it is no entry of %s%s", name, section, config.Nearest(name, names))
}

// checkQuery wants of a query what ingest.logplex.query_fields keeps.
func checkQuery(query map[string]string, kept []string) error {
	for name := range query {
		if !isKept(name, kept) {
			return fmt.Errorf("query %s: ingest does not keep it, ingest.logplex.query_fields has %s", name, strings.Join(kept, ", "))
		}
	}
	return nil
}

func isKept(name string, kept []string) bool {
	return slices.ContainsFunc(kept, func(entry string) bool { return config.KeepsParameter(entry, name) })
}

// setMarks notes, too, that a drain should be listed, and is not.
func (s *Sender) setMarks(c *config.Config) error {
	s.marks = slices.Clone(s.facts.Marks)
	token := s.facts.Drain
	if token == "" || slices.ContainsFunc(c.Drains, func(d config.Drain) bool { return d.Token == token }) {
		return nil
	}
	switch c.UnknownDrains() {
	case config.RejectDrains:
		return fmt.Errorf("drain %s: ingest refuses it, it is not listed and ingest.logplex.unknown_drains is reject", token)
	case config.QuarantineDrains:
		if !slices.Contains(s.marks, wire.MarkUnknownDrain) {
			s.marks = append(s.marks, wire.MarkUnknownDrain)
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

// Requests makes the next requests. Bodies are not copied. It fails where ingest would
// refuse what is in them: HEC's events come in at the HEC door, frames at that of the
// facts, or else Logplex's.
func (s *Sender) Requests(bodies []Body) ([]*drainlinev1.Request, error) {
	requests := make([]*drainlinev1.Request, len(bodies))
	for i := range bodies {
		e := &s.logplex
		if bodies[i].Encoding != drainlinev1.Encoding_ENCODING_FRAMES || s.facts.Door == drainlinev1.Door_DOOR_HEC {
			e = &s.hec
		}
		if e.refused != nil {
			return nil, e.refused
		}
		requests[i] = s.request(e, &bodies[i])
	}
	return requests, nil
}

func (s *Sender) request(e *entrance, b *Body) *drainlinev1.Request {
	s.sent++
	r := &drainlinev1.Request{
		Id: binary.BigEndian.AppendUint64(make([]byte, 8, len(wire.ID{})), s.sent), Door: e.door, Credential: s.facts.credential(),
		Facts: e.facts, ReceivedNs: b.Received.UnixNano(), Encoding: b.Encoding, Body: b.Bytes,
	}
	if b.Encoding != drainlinev1.Encoding_ENCODING_FRAMES {
		r.Defaults, r.Marks = e.events, s.facts.Marks
		return r
	}
	r.DrainToken, r.Query, r.Marks, r.Defaults = s.facts.Drain, e.query, s.marks, e.lines
	return r
}

// Number is that of the request with an id that Requests has made.
func Number(id wire.ID) uint64 { return binary.BigEndian.Uint64(id[8:]) }
