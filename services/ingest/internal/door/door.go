package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest/internal/body"
	"github.com/drainline/drainline/services/internal/logplex"
)

const (
	// memory bounds the bodies of all requests at one time, in bytes. Where bodies
	// may be large it is more: two of the largest.
	memory = 32 << 20
	// storing is the least time a request has to be stored in.
	storing = 500 * time.Millisecond
	// recheck is how often a request that is held looks whether storing may go on.
	recheck = 50 * time.Millisecond
)

// Options are what a Door works with.
type Options struct {
	Store Store
	// Healthy returns an error while nothing may be stored. It is called for every
	// request.
	Healthy func() error
	Counts  *Counts
	Log     *slog.Logger
}

// Door takes Heroku's log drains: it answers 204 once a request is stored.
type Door struct {
	Options

	rules     atomic.Pointer[rules]
	bodies  *body.Reader
	trouble trouble
	refused seldom
}

// New makes a door. It is an http.Handler. Its memory for bodies stays what it is
// when Set allows larger ones: the largest are then taken one at a time.
func New(o Options, s Settings) *Door {
	d := &Door{Options: o, bodies: body.NewReader(max(memory, 2*s.MaxBody)), trouble: trouble{log: o.Log}}
	d.Set(s)
	return d
}

// Set changes the settings for all requests that come from now on.
func (d *Door) Set(s Settings) { d.rules.Store(s.rules()) }

// ServeHTTP answers without chunks, and with a Content-Length always.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rules := d.rules.Load()
	app, takesLogs := rules.route(r.URL.Path)
	switch {
	case !takesLogs && r.URL.Path != "/healthz":
		answer(w, http.StatusNotFound, "no logs are taken on this path; below a path for logs, an app is named by up to 64 of a-z, A-Z, 0-9 and ._-")
	case r.Method == http.MethodGet || r.Method == http.MethodHead: // load balancers ask
		answer(w, http.StatusOK, "")
	case !takesLogs:
		w.Header().Set("Allow", "GET, HEAD")
		answer(w, http.StatusMethodNotAllowed, "this path only says that the service lives")
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, HEAD, POST")
		answer(w, http.StatusMethodNotAllowed, "logs are sent with POST")
	default:
		d.post(w, r, rules, app)
	}
}

// refusal is an answer that no retry can change.
type refusal struct {
	status   int
	sentence string
}

func (e *refusal) Error() string { return e.sentence }

func (d *Door) post(w http.ResponseWriter, r *http.Request, rules *rules, app string) {
	d.Counts.Requests.Add(1)
	err := d.take(w, r, rules, app)
	no, refused := errors.AsType[*refusal](err)
	switch {
	case err == nil:
		answer(w, http.StatusNoContent, "")
	case refused:
		if no.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="drainline"`)
		}
		if n, ok := d.refused.speak(); ok {
			d.Log.Warn("requests are refused, their senders drop what is in them",
				"status", no.status, "reason", no.sentence, "from", r.RemoteAddr, "requests", n)
		}
		answer(w, no.status, no.sentence)
	case errors.Is(err, body.ErrGone):
		d.Counts.Cut.Add(1)
		panic(http.ErrAbortHandler)
	default:
		d.Counts.Unavailable.Add(1)
		d.trouble.failed(err)
		if strings.HasPrefix(r.UserAgent(), "log-shuttle/") {
			panic(http.ErrAbortHandler) // any status would count as delivered
		}
		answer(w, http.StatusServiceUnavailable, "logs cannot be stored now, try again")
	}
}

// take returns nil once the request is stored. It fails with a *refusal, with
// body.ErrGone, or with what keeps the request from being stored.
func (d *Door) take(w http.ResponseWriter, r *http.Request, rules *rules, app string) error {
	received := time.Now()
	credential, ok := rules.admit(first(r.Header["Authorization"]))
	if !ok {
		d.Counts.Unauthorized.Add(1)
		return &refusal{http.StatusUnauthorized, "the drain URL's user or password must be the secret of a credential"}
	}
	gzipped, err := d.accept(r.Header)
	if err != nil {
		return err
	}
	if r.ContentLength == 0 {
		return nil
	}
	if r.ContentLength > rules.MaxBody {
		return d.tooLarge(rules)
	}
	// A sender that hangs up has not taken its request back.
	base := context.WithoutCancel(r.Context())
	ctx, cancel := context.WithDeadline(base, received.Add(rules.Hold))
	defer cancel()
	b, err := d.bodies.Read(ctx, w, r, rules.limits(), gzipped)
	switch {
	case errors.Is(err, body.ErrTooLarge):
		return d.tooLarge(rules)
	case errors.Is(err, body.ErrBroken):
		d.Counts.Malformed.Add(1)
		return &refusal{http.StatusBadRequest, body.ErrBroken.Error()}
	case err != nil:
		return err
	}
	if time.Until(received.Add(rules.Hold)) < storing {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(base, storing)
		defer cancel()
	}
	return d.keep(ctx, r, rules, b, origin{credential: credential, app: app, received: received})
}

// accept checks what kind of body is announced. Neither header is one that
// Logplex varies: whoever sends another is somebody else.
func (d *Door) accept(h http.Header) (gzipped bool, err error) {
	kind, _, _ := strings.Cut(first(h["Content-Type"]), ";")
	switch kind = strings.TrimSpace(kind); {
	case kind == "", strings.EqualFold(kind, "application/logplex-1"), strings.EqualFold(kind, "application/x-logplex-1"):
	default:
		d.Counts.Unsupported.Add(1)
		return false, &refusal{http.StatusUnsupportedMediaType, "the content type must be application/logplex-1"}
	}
	switch encoding := strings.TrimSpace(first(h["Content-Encoding"])); {
	case encoding == "", strings.EqualFold(encoding, "identity"):
		return false, nil
	case strings.EqualFold(encoding, "gzip"):
		return true, nil
	default:
		d.Counts.Unsupported.Add(1)
		return false, &refusal{http.StatusUnsupportedMediaType, "the content encoding must be gzip or none"}
	}
}

func (d *Door) tooLarge(rules *rules) error {
	d.Counts.TooLarge.Add(1)
	return &refusal{
		http.StatusRequestEntityTooLarge,
		fmt.Sprintf("the body is over the limit of %d bytes", rules.MaxBody),
	}
}

// origin is what a request's headers have led to.
type origin struct {
	credential string
	app        string
	received   time.Time
}

// keep stores a body. A body that is framed in part, or that begins as a frame
// does, is kept whole, since a refusal would lose the good lines with the rest.
func (d *Door) keep(ctx context.Context, r *http.Request, rules *rules, b *body.Body, from origin) error {
	defer b.Release()
	frames, framed, bad := logplex.Check(b.Bytes)
	switch {
	case frames > 0:
	case bad == nil: // nothing, or line ends
		return nil
	case !bad.Plausible():
		d.Counts.Malformed.Add(1)
		return &refusal{http.StatusBadRequest, bad.Error()}
	}
	d.compareCount(r.Header, frames)
	parcel := d.parcel(r, rules, b.Bytes, from, frames, framed)
	if err := d.healthy(ctx); err != nil {
		return err
	}
	if err := d.Store.Store(ctx, parcel); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	d.trouble.passed()
	return nil
}

func (d *Door) parcel(r *http.Request, rules *rules, body []byte, from origin, frames, framed int) *Parcel {
	who := identify(from.credential, r.Header)
	id, repeatable := who.id(body)
	p := &Parcel{Shard: who.shard(), Repeatable: repeatable, Parts: cut(id, body, frames, framed)}
	facts, query, trace := facts(r, from.app), query(r, rules.QueryFields), trace(r.Header)
	for i := range p.Parts {
		q := p.Parts[i].Request
		q.Door = drainlinev1.Door_DOOR_LOGPLEX
		q.Credential, q.DrainToken, q.FrameId, q.RequestId = who.credential, who.drainToken, who.frameID, who.requestID
		q.Facts, q.Query, q.Trace = facts, query, trace
		q.ReceivedNs = from.received.UnixNano()
	}
	return p
}

// compareCount only counts: the header says what the sender meant to send, and
// the body is what there is.
func (d *Door) compareCount(h http.Header, frames int) {
	values := h[headerMsgCount]
	if len(values) == 0 {
		return
	}
	if n, err := strconv.Atoi(values[0]); err != nil || n != frames {
		d.Counts.Mismatches.Add(1)
	}
}

// healthy waits until requests may be stored.
func (d *Door) healthy(ctx context.Context) error {
	for {
		err := d.Healthy()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(recheck):
		case <-ctx.Done():
			return err
		}
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
