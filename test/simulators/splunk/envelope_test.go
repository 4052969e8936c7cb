package splunk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// FuzzParse compares parse with decoding value by value.
func FuzzParse(f *testing.F) {
	for _, body := range []string{
		`{"event":"a","time":1.5,"fields":{"a":[1,null]}}`,
		`[{"event":"a"},{"event":"b"}]`,
		`[{"event":"a"},]`,
		`{"event":"a"}{`,
		`{"time":"1e99","event":1}`,
		`[[]]`,
		`{"event":"\\"} {"event":{"a":["}"]}} x`,
		`{"event":1,"fields":{"a":["]",{}]}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(bytes.TrimLeft(body, jsonSpace)) == 0 {
			return
		}
		r := call{Request: &http.Request{URL: new(url.URL)}, number: 1}
		b, _ := newBatch(r, Token{}, &Options{MaxEventSize: defaultMaxEventSize, KeepEvents: 1})
		code, at := b.parse(body)
		if at != len(b.events) || code == codeSuccess && at == 0 {
			t.Errorf("code %d at %d with %d events", code, at, len(b.events))
		}
		want, valid := decodeObjects(body)
		if at > want || code == codeSuccess && (!valid || at != want) || code != codeSuccess && at == want && (valid || code != codeInvalidFormat) {
			t.Errorf("code %d at %d in %q, which has %d objects, valid %v", code, at, body, want, valid)
		}
	})
}

// decodeObjects is the plain way: how many objects a body begins with, one after another or in one array, and whether it holds nothing
// else.
func decodeObjects(body []byte) (n int, valid bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	array := bytes.TrimLeft(body, jsonSpace)[0] == '['
	if array {
		_, _ = decoder.Token()
	}
	for !array || decoder.More() {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		switch {
		case errors.Is(err, io.EOF) && !array:
			return n, true
		case err != nil || raw[0] != '{':
			return n, false
		}
		n++
	}
	if _, err := decoder.Token(); err != nil || n == 0 {
		return n, false
	}
	_, err := decoder.Token()
	return n, errors.Is(err, io.EOF)
}

// FuzzTime compares the fast way to take a time with the slow one.
func FuzzTime(f *testing.F) {
	for _, number := range []string{"0", "1.5", "1795311639.253123", "1.1234567", "-1", "1e3", "999999999999999999", "9223372036.854775"} {
		f.Add(number)
	}
	f.Fuzz(func(t *testing.T, number string) {
		var fast, slow time.Time
		if !json.Valid([]byte(number)) || !fastTime([]byte(number), &fast) {
			return
		}
		if !slowTime(number, &slow) || !fast.Equal(slow) {
			t.Errorf("%s is %v, the slow way %v", number, fast, slow)
		}
	})
}

// BenchmarkStrict measures an event in strict mode, body in hand.
func BenchmarkStrict(b *testing.B) {
	const events = 1000
	sim := New(Options{Tokens: map[string]Token{"t": {}}})
	envelope := `{"time":1795311639.253123,"host":"shop","source":"web","sourcetype":"heroku:router","event":"` +
		`at=info method=GET path=\"/\" host=a.herokuapp.com request_id=59da6323-2bc4-4143-8677-cc66ccfb115f dyno=web.1 connect=0ms ` +
		`service=3ms status=200 id=d-1","fields":{"heroku_kind":"router","heroku_app":"shop"}}`
	body := bytes.Repeat([]byte(envelope), events)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/services/collector", bytes.NewReader(body))
		r.Header.Set("Authorization", "Splunk t")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
