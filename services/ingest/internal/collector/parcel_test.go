package collector_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/telemetry"
)

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func field(name, value string) *drainlinev1.Field {
	return &drainlinev1.Field{Name: name, Json: []byte(value)}
}

// wantRequest compares everything but the id and the time.
func wantRequest(t *testing.T, what string, got, want *drainlinev1.Request) {
	t.Helper()
	if len(got.GetId()) != 16 || time.Since(time.Unix(0, got.GetReceivedNs())).Abs() > time.Minute {
		t.Errorf("%s: id %x, received at %d", what, got.GetId(), got.GetReceivedNs())
	}
	got.Id, got.ReceivedNs = nil, 0
	if !proto.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, protojson.Format(got), protojson.Format(want))
	}
}

func TestWhatIsStored(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	teamFields := []*drainlinev1.Field{field("env", `"prod"`), field("team", `"a \"b\""`)}
	const query = "?host=qh&source=qs&sourcetype=qst&index=main&time=1433188255.5&auto_extract_timestamp=true"
	for _, c := range []struct {
		name, target, token, body string
		encoding                  drainlinev1.Encoding
		credential                string
		defaults                  *drainlinev1.Defaults
	}{
		{
			"nothing is given", eventPath, plainToken, `{"event":"x"}`, drainlinev1.Encoding_ENCODING_HEC_EVENTS, "web",
			&drainlinev1.Defaults{Host: "127.0.0.1", Source: "http:web", Sourcetype: "httpevent"},
		},
		{
			"nothing is given for raw", rawPath, plainToken, "x", drainlinev1.Encoding_ENCODING_HEC_RAW, "web",
			&drainlinev1.Defaults{Host: "127.0.0.1", Source: "http:web", Sourcetype: "httpevent"},
		},
		{
			"the token's", eventPath, fullToken, `{"event":"x"}`, drainlinev1.Encoding_ENCODING_HEC_EVENTS, "full",
			&drainlinev1.Defaults{Host: "th", Source: "ts", Sourcetype: "tst", Index: "team", Fields: teamFields, SplitArrays: true},
		},
		{
			"the query's", eventPath + query, fullToken, `{"event":"x"}`, drainlinev1.Encoding_ENCODING_HEC_EVENTS, "full",
			&drainlinev1.Defaults{
				Host: "qh", Source: "qs", Sourcetype: "qst", Index: "main", TimeNs: 1433188255_500000000,
				Fields: teamFields, SplitArrays: true,
			},
		},
		{
			"the query's for raw", rawPath + query, plainToken, "x", drainlinev1.Encoding_ENCODING_HEC_RAW, "web",
			&drainlinev1.Defaults{Host: "qh", Source: "qs", Sourcetype: "qst", Index: "main", TimeNs: 1433188255_500000000},
		},
		{
			"not UTF-8", eventPath + "?host=%ff&source=" + strings.Repeat("s", 2000), plainToken, `{"event":"x"}`,
			drainlinev1.Encoding_ENCODING_HEC_EVENTS, "web",
			&drainlinev1.Defaults{Host: "?", Source: strings.Repeat("s", 1024), Sourcetype: "httpevent"},
		},
	} {
		got := f.post(c.target, c.token, c.body, "User-Agent", "client/1", "Traceparent", traceparent, "X-Request-Id", "one")
		f.want(c.name, got, 200, success)
		requests := f.store.requests()
		if len(requests) != 1 {
			t.Fatalf("%s: stored %v", c.name, requests)
		}
		wantRequest(t, c.name, requests[0], &drainlinev1.Request{
			Door: drainlinev1.Door_DOOR_HEC, Credential: c.credential, Encoding: c.encoding, Body: []byte(c.body), Defaults: c.defaults,
			Facts: &drainlinev1.Facts{UserAgent: "client/1", RemoteAddr: "127.0.0.1"},
			Trace: &drainlinev1.Trace{Traceparent: traceparent},
		})
	}
	if events, size := f.counts.Events.Load(), f.counts.Bytes.Load(); events != 6 || size != int64(4*len(`{"event":"x"}`)+2) {
		t.Errorf("counted %d events, %d bytes", events, size)
	}
}

// The query's index is a default: what events say themselves counts.
func TestIndexes(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	for _, c := range []struct {
		query, token, body string
		refused            int // 0 for none
	}{
		{"", fullToken, `{"event":"x"}`, 0}, // the token's own index need not be listed
		{"", fullToken, `{"event":"x","index":"team"}{"event":"x","index":"other"}`, 0},
		{"", fullToken, `{"event":"x","index":"no"}`, 1},
		{"?index=no", fullToken, `{"event":"x"}`, 1},
		{"?index=no", fullToken, `{"event":"x","index":"main"}`, 0},
		{"?index=no", fullToken, `{"event":"x","index":"main"}{"event":"x"}`, 2},
		{"?index=any", queryToken, `{"event":"x","index":"thing"}`, 0},
	} {
		status, want := 200, success
		if c.refused > 0 {
			status, want = 400, fmt.Sprintf(`{"text":"Incorrect index","code":7,"invalid-event-number":%d}`, c.refused)
		}
		f.want(c.query+" "+c.body, f.post(eventPath+c.query, c.token, c.body), status, want)
	}
	if n := f.counts.Index.Load(); n != 3 {
		t.Errorf("counted %d", n)
	}
}

// V55: HEC has nothing to know a second try by.
func TestEqualRequestsAreTwo(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	for range 2 {
		f.want("post", f.post(eventPath, plainToken, `{"event":"x"}`, "X-Request-Id", "one"), 200, success)
	}
	parcels := f.store.take()
	if len(parcels) != 2 || parcels[0].Parts[0].ID == parcels[1].Parts[0].ID || parcels[0].Repeatable || parcels[0].Shard != parcels[1].Shard {
		t.Errorf("stored %v", parcels)
	}
}

// Bodies that are larger than a block are cut between events, and nothing is lost.
func TestParts(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	event := func(n int) string { return `{"event":"` + strings.Repeat("e", n) + `"}` }
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf(`{"event":%q}`, strings.Repeat("m", i%1000)+"."))
	}
	largest := event(512<<10 - 2)
	for _, c := range []struct {
		name, target, body string
		events             []int
		parts              int
	}{
		{"many", eventPath, strings.Join(many, "\n"), nil, 3},
		{"many in an array", eventPath, "[" + strings.Join(many, " , ") + "]", nil, 3},
		{"large ones", eventPath, event(9) + largest + event(9) + event(9) + largest, []int{1, 1, 2, 1}, 4},
		{"space between", eventPath, event(9) + strings.Repeat(" ", wire.MaxBlock) + event(9), []int{1, 1}, 2},
		{"lines", rawPath, strings.Repeat(strings.Repeat("l", 999)+"\n", 1000), []int{524, 476}, 2},
		{"a line that is too long", rawPath, "a\n" + strings.Repeat("l", 700<<10) + "\nb", []int{1, 1, 1, 1}, 4},
	} {
		f.want(c.name, f.post(c.target+"?channel="+channel, ackToken, c.body), 200,
			fmt.Sprintf(`{"text":"Success","code":0,"ackId":%d}`, f.acks.issued["sure"+strings.ToLower(channel)]-1))
		parcels := f.store.take()
		if len(parcels) != 1 || len(parcels[0].Parts) != c.parts {
			t.Fatalf("%s: stored %d parcels, the first in %d parts", c.name, len(parcels), len(parcels[0].Parts))
		}
		var events []int
		var stored []string
		before := 0
		for i, part := range parcels[0].Parts {
			r := part.Request
			if ack := r.GetAck(); ack.GetPart() != uint32(i) || ack.GetParts() != uint32(c.parts) {
				t.Errorf("%s: ack of part %d: %v", c.name, i, ack)
			}
			if r.GetFirstFrame() != uint32(before) || part.ID != wire.ToID(r.GetId()) || i > 0 && part.ID != wire.PartID(parcels[0].Parts[0].ID, i) {
				t.Errorf("%s: part %d begins at %d, id %s", c.name, i, r.GetFirstFrame(), part.ID)
			}
			events = append(events, part.Frames)
			before += part.Frames
			stored = append(stored, eventsOf(t, r)...)
		}
		if c.events != nil && !slices.Equal(events, c.events) {
			t.Errorf("%s: %v events", c.name, events)
		}
		sent := eventsOf(t, &drainlinev1.Request{Body: []byte(c.body), Encoding: parcels[0].Parts[0].Request.GetEncoding()})
		if strings.Join(stored, "\x00") != strings.Join(sent, "\x00") && !strings.HasPrefix(c.name, "a line") {
			t.Errorf("%s: the parts are not what was sent", c.name)
		}
	}
}

func eventsOf(t *testing.T, r *drainlinev1.Request) []string {
	t.Helper()
	var events []string
	if r.GetEncoding() == drainlinev1.Encoding_ENCODING_HEC_RAW {
		for line := range hec.Lines(r.GetBody()) {
			events = append(events, string(line))
		}
		return events
	}
	in := hec.NewScanner(r.GetBody(), hec.Limits{})
	for in.Next() {
		events = append(events, string(in.Envelope().Raw))
	}
	if in.Refused() != nil {
		t.Error(in.Refused())
	}
	return events
}

// The client is the last hop that is no trusted proxy.
func TestForwardedFor(t *testing.T) {
	t.Parallel()
	s := settings()
	s.TrustedProxies = append(s.TrustedProxies, prefix("127.0.0.0/8"), prefix("fd00::/8"))
	for _, c := range []struct {
		name   string
		hops   []string
		client string
		inside bool // the network of token "away"
	}{
		{"none", nil, "127.0.0.1", false},
		{"one", []string{"192.0.2.7"}, "192.0.2.7", true},
		{"what the client wrote itself", []string{"192.0.2.7, 198.51.100.1"}, "198.51.100.1", false},
		{"through two proxies", []string{"198.51.100.1, 192.0.2.7, 10.1.2.3"}, "192.0.2.7", true},
		{"two headers", []string{"198.51.100.1", "192.0.2.7,10.1.2.3"}, "192.0.2.7", true},
		{"trusted alone", []string{"10.1.2.3"}, "10.1.2.3", false},
		{"with a port", []string{"192.0.2.7:1234"}, "192.0.2.7", true},
		{"IPv6", []string{"2001:db8::1"}, "2001:db8::1", false},
		{"IPv6 in brackets", []string{"[2001:db8::1]"}, "2001:db8::1", false},
		{"IPv6 with a port", []string{"[2001:db8::1]:1234"}, "2001:db8::1", false},
		{"IPv6 proxy", []string{"192.0.2.7, fd00::1"}, "192.0.2.7", true},
		{"IPv4 in IPv6", []string{"::ffff:192.0.2.7"}, "192.0.2.7", true},
		{"no address", []string{"192.0.2.7, unknown"}, "127.0.0.1", false},
		{"no address behind a proxy", []string{"192.0.2.7, unknown, 10.1.2.3"}, "10.1.2.3", false},
		{"empty", []string{""}, "127.0.0.1", false},
	} {
		f := start(t, s)
		var headers []string
		for _, hop := range c.hops {
			headers = append(headers, "X-Forwarded-For", hop)
		}
		f.want(c.name, f.post(eventPath, plainToken, `{"event":"x"}`, headers...), 200, success)
		r := f.store.requests()[0]
		if r.GetDefaults().GetHost() != c.client || r.GetFacts().GetRemoteAddr() != c.client {
			t.Errorf("%s: client %q, host %q", c.name, r.GetFacts().GetRemoteAddr(), r.GetDefaults().GetHost())
		}
		if got := f.post(eventPath, awayToken, `{"event":"x"}`, headers...); (got.status == http.StatusOK) != c.inside {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
		if told := strings.Contains(f.log.String(), "outside the networks"); told == c.inside {
			t.Errorf("%s: log says %q", c.name, f.log)
		}
	}
}

// Nobody believes X-Forwarded-For of somebody who is no proxy.
func TestForwardedForOfStrangers(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	f.want("post", f.post(eventPath, plainToken, `{"event":"x"}`, "X-Forwarded-For", "192.0.2.7"), 200, success)
	if got := f.store.requests()[0].GetFacts().GetRemoteAddr(); got != "127.0.0.1" {
		t.Errorf("client %q", got)
	}
}

// Every limit has a count of its own, so that an operator sees which one to raise.
func TestLimitsAreCounted(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MaxEvent, s.MaxEvents, s.MaxDepth = 10, 2, 3
	f := start(t, s)
	for _, c := range []struct {
		body  string
		event int
		count *telemetry.Counter
	}{
		{`{"event":"12345678"}{"event":"123456789"}`, 1, f.counts.LargeEvent},
		{`{"event":1}{"event":1}{"event":1}`, 2, f.counts.Crowd},
		{`{"event":[[[]]]}`, 0, f.counts.DeepEvent},
		{`{"event":[[}`, 0, f.counts.Body},
	} {
		want := fmt.Sprintf(`{"text":"Invalid data format","code":6,"invalid-event-number":%d}`, c.event)
		f.want(c.body, f.post(eventPath, plainToken, c.body), 400, want)
		if n := c.count.Load(); n != 1 {
			t.Errorf("%s: counted %d", c.body, n)
		}
	}
}
