package splunk

import (
	"bytes"
	"encoding/json"
	"testing"
)

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
		for i, m := range appendMembers(nil, raw) {
			key, err := decoder.Token()
			if err != nil || key != string(m.key) {
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

// FuzzFlat compares flat with decoding.
func FuzzFlat(f *testing.F) {
	for _, value := range []string{`1`, `"a"`, `{}`, `[]`, `[ 1 , "]" , null ]`, `[1,[2]]`, `["{", {}]`} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		raw := json.RawMessage(bytes.Trim(b, jsonSpace))
		if !json.Valid(raw) {
			return
		}
		_, object := decode(raw).(map[string]any)
		want := !object
		items, _ := decode(raw).([]any)
		for _, item := range items {
			switch item.(type) {
			case map[string]any, []any:
				want = false
			}
		}
		if got := flat(raw); got != want {
			t.Errorf("flat(%q) is %v", raw, got)
		}
	})
}
