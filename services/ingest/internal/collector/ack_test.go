package collector_test

import (
	"net/http"
	"strings"
	"testing"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"google.golang.org/protobuf/proto"
)

const otherChannel = "0e0ecfad-13d5-401b-847d-77833bd77131"

// V39 to V42.
func TestAckVectors(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	for i, target := range []string{eventPath, rawPath, eventPath + "/1.0"} {
		got := f.post(target, ackToken, `{"event":"x"}`, "X-Splunk-Request-Channel", channel)
		f.want("V39", got, 200, `{"text":"Success","code":0,"ackId":`+string(rune('0'+i))+`}`)
		of := wire.ChannelID("sure", channel)
		want := &drainlinev1.Ack{Channel: of[:], Id: uint64(i), Parts: 1, IssuedNs: issuedNS}
		if got := f.store.requests()[0].GetAck(); !proto.Equal(got, want) {
			t.Errorf("V39: stored %v, want %v", got, want)
		}
	}
	f.want("another channel counts on its own", f.post(eventPath+"?channel="+otherChannel, ackToken, `{"event":"x"}`),
		200, `{"text":"Success","code":0,"ackId":0}`)
	ask := func(what, query, body string, status int, want string, headers ...string) {
		t.Helper()
		f.want(what, f.post(ackPath+query, ackToken, body, headers...), status, want)
	}
	const all = `{"acks":[3,0,1,2,0]}`
	ask("V41", "?channel=FFFFFFFF-13d5-401b-847d-77833bd77131", `{"acks":[0]}`, 200, `{"acks":{"0":false}}`)
	ask("V39", "/1.0?channel="+strings.ToLower(channel), all, 200, `{"acks":{"0":true,"1":true,"2":true,"3":false}}`)
	ask("V39 again", "", all, 200, `{"acks":{"0":false,"1":false,"2":false,"3":false}}`, "X-Splunk-Request-Channel", channel)
	for _, body := range []string{``, `{}`, `{"acks":[]}`, `{"acks":["0"]}`, `{"acks":[-1]}`, `[0]`, `{"acks":[0]`, `not json`} {
		ask("V42 "+body, "?channel="+channel, body, 400, `{"text":"Invalid data format","code":6}`)
	}
	f.want("V40", f.post(ackPath, plainToken, `{"acks":[0]}`), 400, `{"text":"ACK is disabled","code":14}`)
	got := f.do(http.MethodPost, ackPath+"?channel="+otherChannel, strings.NewReader(string(zipped(t, []byte(`{"acks":[0]}`)))),
		"Authorization", "Splunk "+ackToken, "Content-Encoding", "gzip")
	f.want("gzip", got, 200, `{"acks":{"0":true}}`)
	if n := f.counts.Queries.Load(); n != 4 {
		t.Errorf("counted %d queries", n)
	}
}

// What may be over after a while is never a 4xx: Vector takes that for delivered.
func TestAckTrouble(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	target := "?channel=" + channel
	f.want("stored", f.post(eventPath+target, ackToken, `{"event":"x"}`), 200, `{"text":"Success","code":0,"ackId":0}`)
	f.acks.fails = errDown
	f.wantPostponed("no ackId", f.post(eventPath+target, ackToken, `{"event":"x"}`), 503, busy, "5")
	f.wantPostponed("no answer", f.post(ackPath+target, ackToken, `{"acks":[0]}`), 503, busy, "5")
	if n := len(f.store.take()); n != 1 {
		t.Errorf("%d requests are stored", n)
	}
	f.acks.fails = nil
	f.wantPostponed("too much", f.post(ackPath+target, ackToken, strings.Repeat(" ", 8<<20+1)), 503, busy, "5")
	if acks, storage := f.counts.Acks.Load(), f.counts.Unavailable.Load(); acks != 3 || storage != 0 {
		t.Errorf("counted %d, and %d of storage", acks, storage)
	}
	log := f.log.String()
	if !strings.Contains(log, "cannot be given an ackId") || strings.Contains(log, "cannot be stored") {
		t.Error(log)
	}
}

// An id whose request is not stored is taken back.
func TestAckOfWhatIsNotStored(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	f.store.fails = errDown
	for _, token := range []string{plainToken, ackToken} {
		if got := f.post(eventPath+"?channel="+channel, token, `{"event":"x"}`); got.status != 503 {
			t.Errorf("answered %d", got.status)
		}
	}
	of := wire.ChannelID("sure", channel)
	if got := f.acks.withdrawn; len(got) != 1 || !proto.Equal(got[0], &drainlinev1.Ack{Channel: of[:], IssuedNs: issuedNS}) {
		t.Errorf("withdrawn: %v", got)
	}
}

// wantPostponed also compares Retry-After.
func (f *fixture) wantPostponed(what string, got reply, status int, content, after string) {
	f.t.Helper()
	f.want(what, got, status, content)
	if got.header.Get("Retry-After") != after {
		f.t.Errorf("%s: Retry-After %q, want %q", what, got.header.Get("Retry-After"), after)
	}
}
