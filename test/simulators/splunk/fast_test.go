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

// decode is the plain way: how many objects with a key a body holds, and whether it holds nothing else.
func decode(body []byte) (n int, valid bool) {
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
		if raw[0] != '{' || len(members(raw)) == 0 || bytes.ContainsAny(bytes.TrimLeft(raw[1:], jsonSpace)[1:2], " ,:]}\t\r\n") {
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
		if want, valid := decode(body); valid && want > 0 && got != want {
			t.Errorf("counted %d envelopes in %q, want %d", got, body, want)
		}
	})
}

// FuzzMembers compares members with decoding token by token.
func FuzzMembers(f *testing.F) {
	for _, object := range []string{
		`{}`,
		` { "a" : 1 , "b":[1,{"c":"}]"}],"a":"x\\"y","\u0061":{"":null},"t":true} `,
		`{"a":-1.5e3}`,
		"{\"\xff\xfe\":\"\xff\xfe\",\"b\":\"\\ud800\"}",
	} {
		f.Add([]byte(object))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var raw json.RawMessage
		if err := json.Unmarshal(b, &raw); err != nil || raw[0] != '{' {
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		if _, err := decoder.Token(); err != nil {
			t.Fatal(err)
		}
		for i, m := range members(raw) {
			key, err := decoder.Token()
			if err != nil || key != m.key {
				t.Fatalf("member %d of %q is %q, want %q, %v", i, raw, m.key, key, err)
			}
			var value json.RawMessage
			if err := decoder.Decode(&value); err != nil || !bytes.Equal(value, m.value) {
				t.Fatalf("member %d of %q has value %q, want %q, %v", i, raw, m.value, value, err)
			}
		}
		if decoder.More() {
			t.Errorf("members of %q end too early", raw)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, body := range []string{
		`{"event":"a","time":1.5,"fields":{"a":[1,null]}}`,
		`[{"event":"a"},{"event":"b"}]`,
		`{"event":"a"}{`,
		`{"time":"1e99","event":1}`,
		`[[]]`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(bytes.TrimLeft(body, jsonSpace)) == 0 {
			return
		}
		b := newBatch(1, nil, Token{}, defaultMaxEventSize)
		code, at := b.parse(body)
		if at != len(b.events) || code == codeSuccess && at == 0 {
			t.Errorf("code %d at %d with %d events", code, at, len(b.events))
		}
	})
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	for value := int64(0); value < 1<<62; value += 1 + value/7 {
		index := step(value)
		if high := above(index); high <= value || float64(high) > 1.04*float64(value)+1 {
			t.Errorf("%d falls into step %d, which ends at %d", value, index, high)
		}
	}
	var h histogram
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("median of nothing is %d", got)
	}
	for i := range int64(1000) {
		h.add(i - 10)
	}
	if got := h.quantile(0.99); got < 980 || got > 1020 {
		t.Errorf("99 %% of -10 to 990 is %d", got)
	}
}

func BenchmarkFast(b *testing.B) {
	sim := New(Options{Fast: true, Tokens: map[string]Token{"t": {}}})
	body := bytes.Repeat([]byte(`{"time":1795311639.253123,"host":"shop","source":"web","sourcetype":"heroku:router","event":"`+
		`at=info method=GET path=\"/\" host=a.herokuapp.com request_id=59da6323-2bc4-4143-8677-cc66ccfb115f dyno=web.1 connect=0ms `+
		`service=3ms status=200","fields":{"heroku_kind":"router"}}`), 1000)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if a := sim.collectFast(body); a.code != codeSuccess {
			b.Fatal(a)
		}
	}
}
