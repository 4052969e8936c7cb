package splunk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
)

// count is how many envelopes fast mode sees.
func count(body []byte) int {
	n := 0
	for len(body) > 0 {
		body = body[nextEnvelope(body):]
		n++
	}
	return n
}

// decodeAll is the plain way: how many objects with a key a body holds, and whether it holds nothing else.
func decodeAll(body []byte) (n int, valid bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return n, true
		}
		if err != nil {
			return n, false
		}
		if raw[0] != '{' || len(appendMembers(nil, raw)) == 0 || bytes.ContainsAny(bytes.TrimLeft(raw[1:], jsonSpace)[1:2], " ,:]}\t\r\n") {
			return n, false
		}
		n++
	}
}

func FuzzNextEnvelope(f *testing.F) {
	for _, body := range []string{
		`{"event":"a"}`,
		`{"event":"a"}{"event":"b"}`,
		"{\"event\":\"a\"}\r\n { \"event\" : \"b\" }\n",
		`{"event":"}{\"x\":1"}{"event":"b"}`,
		`{"event":"}{"}{"event":"} { "}`,
		`{"event":"} {","host":"h"}`,
		`{"event":{"a":{"b":{}}},"fields":{}}{"event":{"a":[{"x":1},{"y":2}]}}`,
		`{"event":"\\"}{"event":"\\\"}{\""}`,
		`{"event":"\\}{"}{"event":"b"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := count(body) // must end whatever the body is
		if want, valid := decodeAll(body); valid && want > 0 && got != want {
			t.Errorf("counted %d envelopes in %q, want %d", got, body, want)
		}
	})
}

func BenchmarkFast(b *testing.B) {
	sim := New(Options{Fast: true, Tokens: map[string]Token{"t": {}}})
	body := bytes.Repeat([]byte(`{"time":1795311639.253123,"host":"shop","source":"web","sourcetype":"heroku:router","event":"`+
		`at=info method=GET path=\"/\" host=a.herokuapp.com request_id=59da6323-2bc4-4143-8677-cc66ccfb115f dyno=web.1 connect=0ms `+
		`service=3ms status=200","fields":{"heroku_kind":"router"}}`), 1000)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if l := sim.countEvents(body, call{keep: -1}); l.count != 1000 {
			b.Fatal(l.count)
		}
	}
}
