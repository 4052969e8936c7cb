package splunk

import (
	"encoding/json"
	"math/bits"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	defaultIdleCleanup = 600 * time.Second // maxIdleTime in Splunk's inputs.conf
	defaultMaxPending  = 1_000_000         // max_number_of_acked_requests_pending_query_per_ack_channel in limits.conf
	channelHeader      = "X-Splunk-Request-Channel"
)

var guid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// AckOptions configure indexer acknowledgement.
type AckOptions struct {
	// Delay is how long after its success a request is acknowledged.
	Delay time.Duration
	// NeverShare is the percentage of requests that are indexed and never acknowledged.
	NeverShare int
	// LoseShare is the percentage of requests that get success and an ackId but are never indexed nor acknowledged, as when an
	// indexer crashes. These and those of NeverShare are spread evenly and exclude each other.
	LoseShare int
	// IdleCleanup is how long a channel is kept without a request; it may live a tenth longer. Default: 600 s.
	IdleCleanup time.Duration
	// MaxPending bounds the ids of a channel that were not told yet; beyond, requests are answered 503/9, or with
	// Options.Backpressure 429/27. Default: 1000000.
	MaxPending int
}

// acks are what one indexer knows of acknowledgement. Splunk keeps it in memory only.
type acks struct {
	options AckOptions
	store   *store

	mu       sync.Mutex // guards what follows
	channels map[string]*ackChannel
	issued   uint64
	swept    time.Time
}

type ackChannel struct {
	next    uint64
	pending map[uint64]pendingAck
	used    time.Time
}

type pendingAck struct {
	ready  time.Time
	never  bool
	events int64
}

func newAcks(into *store) *acks {
	return &acks{options: into.options.Acks, store: into, channels: map[string]*ackChannel{}}
}

// channelOf returns the channel of a request whose token needs one. A GUID's case does not matter.
func channelOf(r *http.Request, token Token) (string, int) {
	if !token.UseACK {
		return "", codeSuccess
	}
	channel := r.Header.Get(channelHeader)
	if channel == "" {
		channel = r.URL.Query().Get("channel")
	}
	switch {
	case channel == "":
		return "", codeChannelMissing
	case !guid.MatchString(channel):
		return "", codeInvalidChannel
	}
	return strings.ToLower(channel), codeSuccess
}

// successWithAck indexes the events and gives the request its ackId.
func (s *Splunk) successWithAck(l load, working int64, channel string) answer {
	issued := s.acks.issue(channel, l.count)
	if issued.full {
		if s.options.Backpressure {
			return reply(codeAckFull)
		}
		return reply(codeBusy)
	}
	if !issued.lost {
		if err := s.index(l); err != nil {
			return reply(codeInternal)
		}
	}
	code := s.queueCode(working)
	if issued.warn && s.options.Backpressure && code == codeSuccess {
		code = codeAckWarning
	}
	return answerJSON(code, `,"ackId":`+strconv.FormatUint(issued.id, 10))
}

// acknowledge handles one POST to the ack endpoint. Whether the token uses acknowledgement comes before the channel, as measured.
func (s *Splunk) acknowledge(c call) answer {
	token, code := s.authenticate(c.Request)
	if code != codeSuccess {
		return reply(code)
	}
	if !token.UseACK {
		return reply(codeAckDisabled)
	}
	channel, code := channelOf(c.Request, token)
	if code != codeSuccess {
		return reply(code)
	}
	buf := s.takeBody()
	defer s.returnBody(buf)
	if refusal := s.readBody(buf, c.Request); refusal != nil {
		return *refusal
	}
	var question struct {
		Acks []uint64 `json:"acks"`
	}
	if err := json.Unmarshal(buf.Bytes(), &question); err != nil || len(question.Acks) == 0 {
		return reply(codeInvalidFormat)
	}
	told, confirms := s.acks.tell(channel, question.Acks)
	body, err := json.Marshal(map[string]any{"acks": told})
	if err != nil {
		return reply(codeInternal)
	}
	return answer{status: http.StatusOK, contentType: typeJSON, body: string(body), confirms: confirms}
}

// An issue is what a request gets for its channel.
type issue struct {
	id   uint64
	full bool // no id: too many are pending
	warn bool
	lost bool // the events are not to be indexed
}

// issue gives a request its id.
func (a *acks) issue(channel string, events int64) issue {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.sweep(now)
	of := a.channels[channel]
	if of == nil {
		of = &ackChannel{pending: map[uint64]pendingAck{}}
		a.channels[channel] = of
		a.store.ackChannels.Add(1)
	}
	of.used = now
	if len(of.pending) >= a.options.MaxPending {
		return issue{full: true}
	}
	place := spread(a.issued)
	a.issued++
	lost := place < a.options.LoseShare
	never := place < a.options.LoseShare+a.options.NeverShare
	if lost {
		events = 0
	}
	id := of.next
	of.next++
	of.pending[id] = pendingAck{ready: now.Add(a.options.Delay), never: never, events: events}
	a.store.unconfirmed.Add(events)
	return issue{id: id, warn: len(of.pending)*100 > a.options.MaxPending*warnAt, lost: lost}
}

// tell returns what is indexed of the ids, and forgets what it has told: Splunk says true once. It returns too how many events those
// are.
func (a *acks) tell(channel string, ids []uint64) (told map[uint64]bool, events int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.sweep(now)
	told = make(map[uint64]bool, len(ids))
	of := a.channels[channel]
	if of == nil {
		of = new(ackChannel)
	}
	of.used = now
	for _, id := range ids {
		ack, ok := of.pending[id]
		ready := ok && !ack.never && !now.Before(ack.ready)
		told[id] = told[id] || ready // an id may be asked for twice
		if ready {
			delete(of.pending, id)
			events += ack.events
			a.store.acked.Add(1)
		}
	}
	a.store.ackQueries.Add(1)
	a.store.unconfirmed.Add(-events)
	return told, events
}

// sweep forgets idle channels. The caller holds a.mu.
func (a *acks) sweep(now time.Time) {
	const sweeps = 10 // in the life of an idle channel
	if now.Sub(a.swept) < a.options.IdleCleanup/sweeps {
		return
	}
	a.swept = now
	for name, of := range a.channels {
		if now.Sub(of.used) >= a.options.IdleCleanup {
			delete(a.channels, name)
			a.store.ackChannels.Add(-1)
		}
	}
}

func (a *acks) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.store.ackChannels.Add(-int64(len(a.channels)))
	clear(a.channels)
}

// spread gives the nth request a place from 0 to 99. Multiples of the golden ratio fall evenly, however few there are, and without a
// period that a client could fall into step with.
func spread(n uint64) int {
	const golden = 0x9E3779B97F4A7C15 // 2⁶⁴ divided by the golden ratio
	place, _ := bits.Mul64(n*golden, 100)
	return int(place)
}
