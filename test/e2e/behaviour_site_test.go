package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drainline/drainline/test/simulators/splunk"
)

// bound is how many events may be indexed again.
type bound int

const (
	// never: what is refused was not taken, so no event can be indexed twice.
	never bound = iota
	// untold: those that Splunk has indexed without saying so (splunk.Stats.Unconfirmed).
	untold
	// unknown: those of which the shipper cannot know (its own count of possible
	// duplicates), since whether an answer came in time or was for another request is
	// not for Splunk to know.
	unknown
)

// behaviour is one way in which a Splunk can be difficult.
type behaviour struct {
	name     string // of the destination
	settings []string
	splunk   splunk.Options
	ack      bool // the token has indexer acknowledgement
	indexes  []string
	// indexers behind a load balancer, or each with a URL of its own.
	indexers int
	sticky   splunk.Stickiness
	urls     bool

	trouble *trouble
	// before everything, and at each POST of events from the first.
	before  func(s *site)
	at      func(s *site, post int64)
	healing func(s *site, run *process)

	// dead is the reason for which an event has to be in the dead letters, or empty.
	dead func(n int) string
	// again is how many may be indexed again.
	again bound
	// refused are the codes and statuses that the simulator has to have refused
	// requests with, by itself.
	refused []int
	// lost says that acknowledgements are lost.
	lost bool
}

// site is a Splunk with a behaviour.
type site struct {
	behaviour

	t       *testing.T
	single  *splunk.Splunk  // without indexers
	cluster *splunk.Cluster // with
	servers []*httptest.Server
	posts   atomic.Int64
	busy    atomic.Int64 // requests that are not answered
}

// simulator is what a Splunk and a cluster have in common.
type simulator interface {
	http.Handler
	Count() int64
	Ledger() *splunk.Ledger
	ThrownAway() *splunk.Ledger
	Stats() splunk.Stats
	Violations() []string
}

func (s *site) sim() simulator {
	if s.cluster != nil {
		return s.cluster
	}
	return s.single
}

// serve builds the Splunk of a behaviour.
func (b behaviour) serve(t *testing.T) *site {
	t.Helper()
	s := &site{behaviour: b, t: t}
	options := b.splunk
	options.Tokens = map[string]splunk.Token{splunkToken: {UseACK: b.ack, Indexes: b.indexes}}
	handlers := []http.Handler{}
	if b.indexers == 0 {
		s.single = splunk.New(options)
		handlers = append(handlers, s.single)
	} else {
		s.cluster = splunk.NewCluster(b.indexers, b.sticky, options)
		handlers = append(handlers, s.cluster)
		if b.urls {
			handlers = handlers[:0]
			for i := range b.indexers {
				handlers = append(handlers, s.cluster.Indexer(i))
			}
		}
	}
	if b.trouble != nil {
		s.single.SetFault(b.trouble.next)
	}
	if b.before != nil {
		b.before(s)
	}
	for _, handler := range handlers {
		server := httptest.NewServer(s.watched(handler))
		s.servers = append(s.servers, server)
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
	}
	return s
}

// watched has what is to happen at a POST of events happen.
func (s *site) watched(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.busy.Add(1)
		defer s.busy.Add(-1)
		if carriesEvents(r) {
			if n := s.posts.Add(1); s.at != nil {
				s.at(s, n)
			}
		}
		handler.ServeHTTP(w, r)
	})
}

func carriesEvents(r *http.Request) bool {
	return r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/ack")
}

// configuration makes it a destination.
func (s *site) configuration() []string {
	var urls []string
	for _, server := range s.servers {
		urls = append(urls, server.URL)
	}
	settings := append([]string{
		"urls=" + strings.Join(urls, ","), "token=" + splunkToken, "max_bytes=32MiB",
		"batch.max_events=" + strconv.Itoa(shippedAtOnce), "batch.linger=50ms", "retry.initial=10ms", "retry.max=200ms",
	}, s.settings...)
	for i := range settings {
		settings[i] = "destinations." + s.name + "." + settings[i]
	}
	return settings
}

// trouble gives a share of the POSTs of events answers of its own, in turn.
type trouble struct {
	answers []splunk.Response
	chosen  func(*http.Request) *splunk.Response
	given   atomic.Int64
}

// some is the trouble of so many percent.
func some(percent int, answers ...splunk.Response) *trouble {
	return &trouble{answers: answers, chosen: splunk.Share(percent, 0, splunk.Response{})}
}

func (f *trouble) next(r *http.Request) *splunk.Response {
	if !carriesEvents(r) || f.chosen(r) == nil {
		return nil
	}
	n := f.given.Add(1) - 1
	return &f.answers[n%int64(len(f.answers))]
}

// codes are answers with these HEC codes, statuses those with statuses and pages.
func codes(codes ...int) (answers []splunk.Response) {
	for _, code := range codes {
		answers = append(answers, splunk.Response{Code: code})
	}
	return answers
}

func pages(statuses ...int) (answers []splunk.Response) {
	for _, status := range statuses {
		answers = append(answers, splunk.HTML(status))
	}
	return answers
}

// accepted are the answers that come although the request was indexed.
func accepted(answers []splunk.Response) []splunk.Response {
	for i := range answers {
		answers[i].Accept = true
	}
	return answers
}

// destination is what the status says of one.
type destination struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Error string `json:"error"`
}

// destinations asks for the status.
func (p *process) destinations() map[string]destination {
	p.t.Helper()
	var status struct {
		Facts struct {
			Destinations []destination `json:"destinations"`
		} `json:"facts"`
	}
	if err := json.Unmarshal([]byte(p.admin("/status", http.StatusOK)), &status); err != nil {
		p.t.Fatal(err)
	}
	byName := map[string]destination{}
	for _, d := range status.Facts.Destinations {
		byName[d.Name] = d
	}
	return byName
}

// expect holds a Splunk and its dead letters against what was sent.
func (s *site) expect(t *testing.T, run *process, letters map[int][]string) {
	t.Helper()
	stats, seen := s.sim().Stats(), s.sim().Ledger()
	var lost, wrong []string
	buried := 0
	for n := range numbered {
		want := ""
		if s.dead != nil {
			want = s.dead(n)
		}
		times, got := seen.Times(id(n)), strings.Join(letters[n], " ")
		buried += len(letters[n])
		switch {
		case got == "" && times == 0:
			lost = append(lost, id(n))
		case got != want, got != "" && times > 0:
			wrong = append(wrong, fmt.Sprintf("%s is indexed %d times and dead of %q, want %q", id(n), times, got, want))
		}
	}
	report(t, "events are lost", lost)
	report(t, "events are not where they belong", wrong)
	if unnumbered := letters[-1]; len(unnumbered) > 0 {
		t.Errorf("%d dead letters have no number", len(unnumbered))
	}
	report(t, "times Splunk was sent what a careful client does not send", stats.FirstViolations)
	if codes := slices.Sorted(maps.Keys(stats.Refused)); !slices.Equal(codes, s.refused) {
		t.Errorf("Splunk has refused requests with %v, want %v", stats.Refused, s.refused)
	}
	if stats.ThrownAway > 0 {
		t.Errorf("Splunk has thrown away %d events", stats.ThrownAway)
	}
	if s.trouble != nil && s.trouble.given.Load() < int64(len(s.trouble.answers)) {
		t.Errorf("only %d requests were in trouble", s.trouble.given.Load())
	}
	s.expectCounts(t, run, stats, buried)
}

// expectCounts holds duplicates and the shipper's own counts against what happened.
func (s *site) expectCounts(t *testing.T, run *process, stats splunk.Stats, buried int) {
	t.Helper()
	possible := run.shipperCount("possible_duplicates", s.name)
	t.Logf("%d requests, %d indexed again of %d untold and %d that the shipper expects, %d dead, %d acks lost",
		stats.Requests, stats.Duplicates, stats.Unconfirmed, possible, buried, run.shipperCount("lost_acks", s.name))
	if stats.Duplicates > possible {
		t.Errorf("%d events are indexed again, the shipper has expected %d", stats.Duplicates, possible)
	}
	switch s.again {
	case never:
		if stats.Duplicates > 0 {
			t.Errorf("%d events are indexed again, such as %q", stats.Duplicates, s.sim().Ledger().Repeated()[0])
		}
	case untold:
		if stats.Duplicates > stats.Unconfirmed {
			t.Errorf("%d events are indexed again, where %d may be", stats.Duplicates, stats.Unconfirmed)
		}
	case unknown: // possible is the bound
	}
	delivered, dead := run.shipperCount("delivered", s.name), run.shipperCount("dead", s.name)
	if delivered+dead != int64(numbered) || dead != int64(buried) {
		t.Errorf("the shipper counts %d delivered and %d dead, where %d of %d are dead", delivered, dead, buried, numbered)
	}
	if lost := run.shipperCount("lost_acks", s.name); lost > 0 != s.lost {
		t.Errorf("%d acknowledgements are lost", lost)
	}
	if s.ack && stats.Acked == 0 {
		t.Error("nothing is acknowledged")
	}
}

// admin asks the admin door of a service.
func (p *process) admin(path string, want int) string {
	p.t.Helper()
	response, err := http.Get(p.line(`admin +(http://\S+) .*`) + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if response.StatusCode != want {
		p.t.Fatalf("%s is answered %d %s, want %d", path, response.StatusCode, content, want)
	}
	return string(content)
}

// shipperCount is one of the shipper's counters of a destination.
func (p *process) shipperCount(name, destination string) int64 {
	p.t.Helper()
	return int64(p.scrape(p.line(`admin +(http://\S+) .*`), `drainline_shipper_`+name+`\w*\{.*destination="`+destination+`".*\}`))
}

// report shows the first of many.
func report(t *testing.T, what string, all []string) {
	t.Helper()
	const shown = 5
	if len(all) > 0 {
		t.Errorf("%d %s, such as %s", len(all), what, strings.Join(all[:min(len(all), shown)], "; "))
	}
}
