package door

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	otel "go.opentelemetry.io/otel/trace"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/ingest/internal/notice"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/ingest/internal/trace"
)

// memory bounds the bodies of all requests at one time, in bytes. Where bodies may
// be large it is more: two of the largest.
const memory = 32 << 20

// Options are what a Door works with.
type Options struct {
	Store parcel.Store
	// Healthy returns an error while nothing may be stored. It is called for every
	// request.
	Healthy func() error
	// Stopping returns an error when senders had better go elsewhere, although what
	// they send is still taken. Load balancers hear it.
	Stopping func() error
	Counts   *Counts
	Log      *slog.Logger
	// Tracer makes a span of each request that is sampled; nil makes none.
	Tracer otel.Tracer
}

// Door takes Heroku's log drains: it answers 204 once a request is stored.
type Door struct {
	Options

	rules    atomic.Pointer[rules]
	bodies   *body.Reader
	unknowns unknowns
	trouble  *notice.Trouble
	refused  notice.Seldom
}

// New makes a door. It is an http.Handler. Its memory for bodies stays what it is
// when Set allows larger ones: the largest are then taken one at a time.
func New(o Options, s Settings) *Door {
	d := &Door{Options: o, bodies: body.NewReader(max(memory, 2*s.MaxBody)), trouble: notice.NewTrouble(o.Log)}
	d.rules.Store(new(rules).next(s))
	return d
}

// Set changes the settings for all requests that come from now on. It is not for
// concurrent use.
func (d *Door) Set(s Settings) {
	d.rules.Store(d.rules.Load().next(s))
	d.unknowns.forget(s.Drains)
}

// Unknown are the drains that are not listed and sent last, 1,000 at most, the
// latest first. Where drains need not be listed there are none.
func (d *Door) Unknown() []UnknownDrain { return d.unknowns.all() }

// Expected are the drains that must not be silent for long, by token.
func (d *Door) Expected() []ExpectedDrain { return d.rules.Load().expected.all() }

// ServeHTTP answers without chunks, and with a Content-Length always.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rules := d.rules.Load()
	app, takesLogs := rules.route(r.URL.Path)
	switch {
	case !takesLogs && r.URL.Path != "/healthz":
		answer(w, http.StatusNotFound, "no logs are taken on this path; below a path for logs, an app is named by up to 64 of a-z, A-Z, 0-9 and ._-")
	case r.Method == http.MethodGet || r.Method == http.MethodHead: // load balancers ask
		d.answerBalancer(w)
	case !takesLogs:
		w.Header().Set("Allow", "GET, HEAD")
		answer(w, http.StatusMethodNotAllowed, "this path only says that the service lives")
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, HEAD, POST")
		answer(w, http.StatusMethodNotAllowed, "logs are sent with POST")
	default:
		d.Counts.Requests.Add(1)
		r, end := trace.Begin(d.Tracer, r, routeOf(r.URL.Path, app))
		defer end()
		sender, err := d.admit(r, rules, app)
		if err == nil {
			err = d.ofLogplex(r.Header)
		}
		if err == nil {
			err = d.take(w, newRequest(r, rules, sender))
		}
		d.conclude(w, r, err)
	}
}

// Serve answers a POST whose sender another door has let in, and whose body that
// knows to be Logplex's, by Logplex's rules: a 4xx only for what no retry can
// change, and never a 429.
func (d *Door) Serve(w http.ResponseWriter, r *http.Request, s Sender) {
	d.Counts.Requests.Add(1)
	d.conclude(w, r, d.take(w, newRequest(r, d.rules.Load(), s)))
}

// Lent is how many bytes of memory bodies have now.
func (d *Door) Lent() int64 { return d.bodies.Lent() }

// answerBalancer says whether to send here. While nothing can be stored it says
// yes: requests wait, where a balancer without anybody to send to would answer
// 502 at once.
func (d *Door) answerBalancer(w http.ResponseWriter) {
	if err := d.Stopping(); err != nil {
		answer(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	answer(w, http.StatusOK, "")
}

// refusal is an answer that no retry can change.
type refusal struct {
	status   int
	sentence string
}

func (e *refusal) Error() string { return e.sentence }

// admit finds out who sends.
func (d *Door) admit(r *http.Request, rules *rules, app string) (Sender, error) {
	c := rules.admit(r.Header.Get("Authorization"))
	if c == nil {
		d.Counts.Unauthorized.Add(1)
		return Sender{}, &refusal{http.StatusUnauthorized, "the drain URL's user or password must be the secret of a credential"}
	}
	return Sender{
		Credential: c.Name, Door: drainlinev1.Door_DOOR_LOGPLEX, RemoteAddr: host(r.RemoteAddr), App: app,
		Apps: c.Apps, StructuredData: c.StructuredData, Rate: rules.rates[c.Name],
	}, nil
}

// ofLogplex refuses another kind of body than Logplex's: whoever announces one is
// somebody else.
func (d *Door) ofLogplex(h http.Header) error {
	if h.Get("Content-Type") == "" || IsLogplex(h) {
		return nil
	}
	d.Counts.Unsupported.Add(1)
	return &refusal{http.StatusUnsupportedMediaType, "the content type must be application/logplex-1"}
}

// IsLogplex says whether the content type is Logplex's. Its own ingress takes both.
func IsLogplex(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/logplex-1", "application/x-logplex-1":
		return true
	default:
		return false
	}
}

// conclude answers a request that was taken or, with what take returned, was not.
func (d *Door) conclude(w http.ResponseWriter, r *http.Request, err error) {
	w = trace.Answering(w, r)
	no, refused := errors.AsType[*refusal](err)
	switch {
	case err == nil:
		answer(w, http.StatusNoContent, "")
	case refused:
		if no.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="drainline"`)
		}
		if n, ok := d.refused.Speak(); ok {
			d.Log.WarnContext(r.Context(), "requests are refused, their senders drop what is in them",
				"status", no.status, "reason", no.sentence, "from", r.RemoteAddr, "requests", n)
		}
		answer(w, no.status, no.sentence)
	case errors.Is(err, body.ErrGone):
		d.Counts.Cut.Add(1)
		panic(http.ErrAbortHandler)
	default:
		d.Counts.Unavailable.Add(1)
		d.trouble.Failed(r.Context(), err)
		if strings.HasPrefix(r.UserAgent(), "log-shuttle/") {
			panic(http.ErrAbortHandler) // any status would count as delivered
		}
		answer(w, http.StatusServiceUnavailable, "logs cannot be stored now, try again")
	}
}

// answer writes a whole answer.
func answer(w http.ResponseWriter, status int, sentence string) {
	h, length := w.Header(), "Content-Length"
	if status == http.StatusNoContent {
		// net/http takes the length off a 204, as RFC 9110 has it, but Logplex's client
		// relies on finding one. Names not spelled its way it leaves alone.
		length = "content-length"
	}
	h[length] = []string{strconv.Itoa(len(sentence))}
	if sentence != "" {
		h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	}
	w.WriteHeader(status)
	if sentence != "" {
		_, _ = io.WriteString(w, sentence) // a sender that left needs no answer
	}
}
