package collector_test

import (
	"strings"
	"testing"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

const frame = "67 <190>1 2024-05-01T12:00:00.123456+00:00 host app web.1 - hello you\n"

// Heroku's drains that post to Splunk as it is.
func TestLogplexBodies(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	sent := []string{"Logplex-Frame-Id", "f1", "Logplex-Drain-Token", "d.1", "Logplex-Msg-Count", "1"}
	for _, c := range []struct {
		name, target, authorization string
		headers                     []string
		credential                  string
		defaults                    *drainlinev1.Defaults
		marks                       string
	}{
		{
			"by its type", rawPath + "/1.0?sourcetype=heroku&source=checkout&host=checkout.herokuapp.com", basic("x:" + plainToken),
			[]string{"Content-Type", "application/logplex-1"},
			"web",
			&drainlinev1.Defaults{Host: "checkout.herokuapp.com", Source: "checkout", Sourcetype: "heroku"}, "",
		},
		{
			"by its other type", rawPath, "Splunk " + plainToken,
			[]string{"Content-Type", "application/x-logplex-1; x=y"},
			"web",
			&drainlinev1.Defaults{}, "",
		},
		{"by its headers", rawPath, basic(plainToken + ":"), sent, "web", &drainlinev1.Defaults{}, ""},
		{"on the event endpoint", eventPath, basic("x:" + plainToken), sent, "web", &drainlinev1.Defaults{}, ""},
		{"the channel is nobody's concern", rawPath, basic("x:" + ackToken), sent, "sure", &drainlinev1.Defaults{}, ""},
		{
			"the token's defaults", rawPath + "?time=x&index=other", basic("x:" + fullToken), sent, "full",
			&drainlinev1.Defaults{
				Host: "th", Source: "ts", Sourcetype: "tst", Index: "other",
				Fields: []*drainlinev1.Field{field("env", `"prod"`), field("team", `"a \"b\""`)},
			}, "",
		},
		{"an index that is not allowed", rawPath + "?index=no", basic("x:" + plainToken), sent, "web", &drainlinev1.Defaults{}, wire.MarkStrayIndex},
	} {
		headers := append([]string{"Authorization", c.authorization, "User-Agent", "Logplex/v73"}, c.headers...)
		f.want(c.name, f.do("POST", c.target, strings.NewReader(frame), headers...), 204, "")
		requests := f.store.requests()
		if len(requests) != 1 {
			t.Fatalf("%s: stored %v", c.name, requests)
		}
		want := &drainlinev1.Request{
			Door: drainlinev1.Door_DOOR_HEC, Credential: c.credential, Encoding: drainlinev1.Encoding_ENCODING_FRAMES,
			Body: []byte(frame), Defaults: c.defaults, Facts: &drainlinev1.Facts{UserAgent: "Logplex/v73", RemoteAddr: "127.0.0.1"},
		}
		if c.marks != "" {
			want.Marks = []string{c.marks}
		}
		if len(c.headers) == len(sent) {
			want.DrainToken, want.FrameId, want.Facts.MsgCount = "d.1", "f1", "1"
		}
		wantRequest(t, c.name, requests[0], want)
	}
	if all, stray := f.counts.Logplex.Load(), f.counts.StrayIndexes.Load(); all != 7 || stray != 1 {
		t.Errorf("counted %d, %d", all, stray)
	}
}

func TestLogplexRefused(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	const kind = "application/logplex-1"
	f.want("no token", f.do("POST", rawPath, strings.NewReader(frame), "Content-Type", kind), 401, `{"text":"Token is required","code":2}`)
	f.want("unknown", f.post(rawPath, "x", frame, "Content-Type", kind), 403, `{"text":"Invalid token","code":4}`)
	f.want("ack is no endpoint for logs", f.post(ackPath, plainToken, frame, "Content-Type", kind), 400, `{"text":"ACK is disabled","code":14}`)
	if got := f.post(rawPath, plainToken, "no frame", "Content-Type", kind); got.status != 400 {
		t.Errorf("no frame: %d %s", got.status, got.body)
	}
	if n := len(f.store.take()); n != 0 {
		t.Errorf("stored %d", n)
	}
}
