package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/drainline/drainline/test/simulators/splunk"
)

// Settings that some behaviours share.
var (
	// impatient gives up a request sooner than the others, which wait for half a minute, and
	// later than an answer takes that comes at all, on a busy machine too.
	impatient = []string{"timeout=10s"}
	// crowded has eight requests in flight whatever comes of it.
	crowded = []string{"concurrency.adaptive=false"}
	// acks are waited for, hasty ones not for long.
	acks    = []string{"ack=on", "ack_timeout=1m"}
	hasty   = []string{"ack=on", "ack_timeout=5s"}
	checked = []string{"indexes=main"}
)

// behaviours are what Splunk and what stands before it do to a shipper, each at a
// destination of its own.
func behaviours() []behaviour {
	return slices.Concat(answers(), poisoned(), unknownIndexes(), acknowledging(), pressing(), breaking(), limiting(), several())
}

// answers are codes and statuses that say that nothing was taken, or that lie about it.
func answers() []behaviour {
	return []behaviour{
		{name: "fine"},
		{name: "retryable_codes", trouble: some(40, codes(8, 9, 18, 19, 20, 23, 26, 27)...)},
		{name: "retryable_statuses", trouble: some(40, pages(408, 429, 500, 502, 503, 504)...)},
		{name: "html_instead_of_success", trouble: some(20, pages(200, 201, 204)...)},
		{name: "retry_after", trouble: some(3, splunk.Response{Code: 9, RetryAfter: time.Second})},
		{name: "slow_down_codes", trouble: some(50, codes(24, 25)...)},
		// What was indexed and answered with an error is sent again.
		{name: "errors_after_indexing", trouble: some(30, accepted(append(codes(8), pages(500, 502, 503, 504)...))...), again: untold},
		{name: "truncated_answers", trouble: some(20, splunk.Truncated()), again: untold},
		// All of these park. Code 5 answers the empty request that asks whether they have passed.
		{
			name: "parking_codes", trouble: some(20, append(codes(1, 2, 3, 4, 10, 11, 14, 16, 21, 22), pages(301, 404, 405, 415)...)...),
			refused: []int{5},
		},
		{name: "token_rotation", refused: []int{4, 5}, at: func(s *site, post int64) {
			if post == 30 {
				s.single.SetTokens(nil)
			}
		}, healing: func(s *site, run *process) {
			eventually(s.t, "it is parked", func() bool { return run.destinations()[s.name].State == "parked" })
			if said := run.destinations()[s.name].Error; !strings.Contains(said, "Invalid token") {
				s.t.Errorf("parked for %q", said)
			}
			if ready := run.admin("/readyz", http.StatusOK); !strings.Contains(ready, s.name) {
				s.t.Errorf("readiness does not tell of what is parked: %s", ready)
			}
			s.single.SetTokens(map[string]splunk.Token{splunkToken: {}})
		}},
	}
}

// poisoned are refusals of single events. Where Splunk indexes what stands before one,
// that is sent again as part of what is left, once for each refusal.
func poisoned() []behaviour {
	dead := func(n int) string {
		if code := poisonOf(n); code != 0 {
			return fmt.Sprintf("hec_%d", code)
		}
		return ""
	}
	var all []behaviour
	for _, c := range []struct {
		name    string
		numbers splunk.Numbers
	}{
		{"poison_named", splunk.NumbersRight}, {"poison_not_named", splunk.NumbersMissing}, {"poison_misnamed", splunk.NumbersWrong},
	} {
		b := behaviour{name: c.name, splunk: splunk.Options{Poison: poison, Numbers: c.numbers}, dead: dead, refused: []int{6, 12, 13, 15}}
		b.again = untold
		all = append(all, b)
		b.name, b.splunk.AllOrNothing, b.again = c.name+"_nothing_kept", true, never
		all = append(all, b)
	}
	return all
}

// unknownIndexes are about events for an index that Splunk or the token does not have.
func unknownIndexes() []behaviour {
	dead := func(reason string) func(int) string {
		return func(n int) string {
			if isGhost(n) {
				return reason
			}
			return ""
		}
	}
	exist := splunk.Options{Indexes: []string{home}}
	return []behaviour{
		// What stands before the first event for the index is indexed and sent again.
		{name: "index_refused", indexes: []string{home}, dead: dead("hec_7"), refused: []int{7}, again: untold},
		{
			name: "index_refused_fallback", indexes: []string{home}, settings: []string{"on_unknown_index=fallback", "fallback_index=main"},
			refused: []int{7}, again: untold,
		},
		// Splunk would answer 200 and throw them away.
		{name: "index_unknown", splunk: exist, settings: checked, dead: dead("unknown_index")},
		{name: "index_unknown_fallback", splunk: exist, settings: append([]string{"on_unknown_index=fallback", "fallback_index=main"}, checked...)},
	}
}

// acknowledging are tokens with indexer acknowledgement. What was indexed and is not
// acknowledged is sent again.
func acknowledging() []behaviour {
	delayed := splunk.Options{Acks: splunk.AckOptions{Delay: 300 * time.Millisecond}}
	restart := func(s *site, post int64) {
		if post == 40 {
			s.cluster.Indexer(0).Restart()
		}
	}
	away := func(s *site, post int64) {
		if post == 40 {
			s.cluster.Down(0, true)
		}
		if post == 100 {
			s.cluster.Down(0, false)
		}
	}
	return []behaviour{
		{name: "acks", ack: true},
		{name: "acks_delayed", ack: true, settings: acks, splunk: splunk.Options{Acks: splunk.AckOptions{Delay: time.Second}}},
		{name: "acks_lost", ack: true, settings: hasty, splunk: splunk.Options{Acks: splunk.AckOptions{LoseShare: 10}}, lost: true, again: untold},
		{name: "acks_never", ack: true, settings: hasty, splunk: splunk.Options{Acks: splunk.AckOptions{NeverShare: 10}}, lost: true, again: untold},
		{name: "acks_raw", ack: true, settings: append([]string{"endpoint=raw"}, acks...), splunk: delayed},
		{name: "cluster_by_cookie", ack: true, settings: acks, splunk: delayed, indexers: 3, sticky: splunk.StickyCookie},
		{name: "cluster_by_connection", ack: true, settings: acks, splunk: delayed, indexers: 3, sticky: splunk.StickyConnection},
		{name: "acks_by_url", ack: true, settings: acks, splunk: delayed, indexers: 2, urls: true},
		// An acknowledgement that comes for an ackId which two indexers have given is not
		// believed, though it may be right.
		{name: "cluster_not_sticky", ack: true, settings: hasty, splunk: delayed, indexers: 2, lost: true, again: unknown},
		// What was pending at the indexer is sent again.
		{
			name: "indexer_restarts", ack: true, settings: hasty, splunk: delayed, indexers: 2, sticky: splunk.StickyCookie, at: restart, lost: true,
			again: untold,
		},
		{
			name: "indexer_is_away", ack: true, settings: hasty, splunk: delayed, indexers: 2, sticky: splunk.StickyCookie, at: away, lost: true,
			again: untold,
		},
		// Meanwhile the balancer answers 503 in its stead. It keeps what is pending.
		{
			name: "indexer_is_away_unseen", ack: true, settings: acks, splunk: splunk.Options{Acks: delayed.Acks, BlindBalancer: true},
			indexers: 2, sticky: splunk.StickyCookie, at: away, again: untold,
		},
	}
}

// pressing are queues that are full.
func pressing() []behaviour {
	const work = 50 * time.Millisecond
	return []behaviour{
		{name: "busy", splunk: splunk.Options{Capacity: 2, Work: work}, settings: crowded, refused: []int{9}},
		{name: "queue_full", splunk: splunk.Options{Capacity: 2, Work: work, Backpressure: true}, settings: crowded, refused: []int{26}},
		{name: "ack_channel_full", ack: true, splunk: splunk.Options{
			Backpressure: true, Acks: splunk.AckOptions{MaxPending: 2, Delay: 500 * time.Millisecond},
		}, settings: acks, refused: []int{27}},
	}
}

// breaking are answers that are late or do not come.
func breaking() []behaviour {
	return []behaviour{
		{name: "slow", trouble: some(20, splunk.Response{Delay: 200 * time.Millisecond})},
		// A late answer may come just when it is not waited for any more.
		{name: "late", settings: []string{"timeout=2s"}, trouble: some(5, splunk.Response{Delay: 4 * time.Second}), again: unknown},
		{name: "stalls", settings: impatient, trouble: some(5, splunk.Response{Stall: true}), again: untold},
		{name: "stalls_after_indexing", settings: impatient, trouble: some(5, splunk.Response{Stall: true, Accept: true}), again: untold},
		{name: "cut_before_body", trouble: some(20, splunk.Response{CutBefore: true})},
		{name: "cut_after_body", trouble: some(20, splunk.Response{Cut: true})},
		{name: "cut_after_indexing", trouble: some(20, splunk.Response{Cut: true, Accept: true}), again: untold},
	}
}

// limiting are bounds of size.
func limiting() []behaviour {
	large := func(reason string) func(int) string {
		return func(n int) string {
			if isLarge(n) {
				return reason
			}
			return ""
		}
	}
	return []behaviour{
		// A request that is too large is not read.
		{name: "body_limit", splunk: splunk.Options{MaxContentLength: 11_000}, dead: large("hec_http_413"), refused: []int{413}},
		{name: "event_limit", splunk: splunk.Options{MaxEventSize: 10_000}, settings: []string{"max_event=10kB"}, dead: large("large_event")},
		{name: "event_limit_truncate", splunk: splunk.Options{MaxEventSize: 10_000}, settings: []string{"max_event=10kB", "on_large_event=truncate"}},
		{name: "raw", settings: []string{"endpoint=raw", "gzip=false"}},
	}
}

// several are URLs of which one takes nothing.
func several() []behaviour {
	sick := func(answer splunk.Response) func(*site) {
		return func(s *site) { s.cluster.Indexer(0).SetFault(func(*http.Request) *splunk.Response { return &answer }) }
	}
	return []behaviour{
		{name: "one_url_sick", indexers: 2, urls: true, before: sick(splunk.HTML(http.StatusServiceUnavailable))},
		{name: "one_url_forbids", indexers: 2, urls: true, before: sick(splunk.Response{Code: 4})},
		{name: "one_url_cuts", indexers: 2, urls: true, before: sick(splunk.Response{Cut: true})},
		{name: "one_url_stalls", indexers: 2, urls: true, settings: impatient, before: sick(splunk.Response{Stall: true}), again: untold},
	}
}
