package collector_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/collector"
	"github.com/drainline/drainline/services/internal/hec"
)

// Whatever a client sends, it gets an answer of HEC; only with a token it gets
// something stored, and that is all of it.
func FuzzRequest(f *testing.F) {
	for _, path := range []string{"/services/collector/event/1.0", "/services/collector/raw", "/services/collector/ack"} {
		f.Add(path, "", "Splunk "+plainToken, "", []byte(`{"event":"a"}{"event":"b"}`))
		f.Add(path, "channel="+channel, "Splunk "+ackToken, "", []byte(`{"acks":[0,1]}`))
		f.Add(path, "token="+queryToken+"&index=%ff&time=1.5", "", "gzip", []byte("\x1f\x8b\x08"))
		f.Add(path, "", basic("x:"+fullToken), "", []byte("[{\"event\":[{}]},{\"event\":\"\xff\"}]\n"))
		f.Add(path, "%zz;", "Basic ====", "br", []byte("\r\n"))
	}
	fix := start(f, settings())
	f.Fuzz(func(t *testing.T, path, query, authorization, encoding string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		r.URL.Path, r.URL.RawQuery = path, query
		r.Header["Authorization"], r.Header["Content-Encoding"] = []string{authorization}, []string{encoding}
		w := httptest.NewRecorder()
		fix.door.ServeHTTP(w, r)
		checkReply(t, w)
		requests := fix.store.requests()
		if len(requests) > 0 != (w.Code == http.StatusOK && !strings.HasPrefix(w.Body.String(), `{"acks"`)) {
			t.Fatalf("%d %s, stored %d", w.Code, w.Body, len(requests))
		}
		if len(requests) > 0 && !strings.EqualFold("Basic", authorization[:min(5, len(authorization))]) && !hasToken(authorization+r.URL.Query().Get("token")) {
			t.Fatalf("let in with %q, %q", authorization, query)
		}
		for _, request := range requests {
			checkStored(t, request)
		}
	})
}

func hasToken(s string) bool {
	return slices.ContainsFunc(settings().Tokens, func(t collector.Token) bool { return strings.Contains(s, t.Secret) })
}

func checkReply(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if strings.HasPrefix(w.Body.String(), `{"acks":{`) {
		return
	}
	a, err := hec.ParseAnswer(w.Body.Bytes())
	if err != nil || a.Code.Status() != w.Code {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
}

// checkStored holds a part to what transform may rely on.
func checkStored(t *testing.T, r *drainlinev1.Request) {
	t.Helper()
	if len(r.GetBody()) == 0 || len(r.GetBody()) > wire.MaxBlock+hec.DefaultMetadata {
		t.Fatalf("a part of %d bytes", len(r.GetBody()))
	}
	if r.GetEncoding() != drainlinev1.Encoding_ENCODING_HEC_EVENTS {
		return
	}
	in := hec.NewScanner(r.GetBody(), hec.Limits{})
	for in.Next() {
	}
	if in.Refused() != nil || in.Array() {
		t.Fatalf("stored %q: %v", r.GetBody(), in.Refused())
	}
}
