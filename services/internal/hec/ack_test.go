package hec_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/drainline/drainline/services/internal/hec"
)

func TestParseAckQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body string
		want []uint64
	}{
		{`{"acks":[0,1,2,3]}`, []uint64{0, 1, 2, 3}},
		{" {\n\"acks\" : [ 3 , 1,1 ] } \r\n", []uint64{1, 3}},
		{`{"other":[{}],"acks":[7]}`, []uint64{7}},
		{`{"acks":["0"],"acks":[7]}`, []uint64{7}},
		{`{"\u0061cks":[7]}`, []uint64{7}},
		{`{"acks":[18446744073709551615]}`, []uint64{1<<64 - 1}},
		{``, nil}, // V42
		{`{}`, nil},
		{`{"acks":[]}`, nil},
		{`{"acks":["0"]}`, nil},
		{`{"acks":[-1]}`, nil},
		{`{"acks":[1.0]}`, nil},
		{`{"acks":[1e2]}`, nil},
		{`{"acks":[null]}`, nil},
		{`{"acks":[0,]}`, nil},
		{`{"acks":[18446744073709551616]}`, nil},
		{`{"acks":[0,1,2,3,4]}`, nil}, // over most
		{`{"acks":0}`, nil},
		{`{"acks":null}`, nil},
		{`{"Acks":[0]}`, nil},
		{`{"acks":[0]`, nil},
		{`{"acks":[0]}{}`, nil},
		{`[0]`, nil},
		{`0`, nil},
		{`{"x":` + strings.Repeat("[", 20_000), nil},
	} {
		got, refused := hec.ParseAckQuery([]byte(c.body), 4)
		if (refused == nil) != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%.50s: %v, %v; want %v", c.body, got, refused, c.want)
		}
		if refused != nil {
			if body := string(hec.AppendAnswer(nil, refused.Answer())); body != `{"text":"Invalid data format","code":6}` {
				t.Errorf("%.50s is answered %s", c.body, body)
			}
		}
	}
}

func TestAppendAcks(t *testing.T) {
	t.Parallel()
	got := string(hec.AppendAcks(nil, []uint64{0, 1, 2, 10}, []bool{true, true, true, false}))
	if want := `{"acks":{"0":true,"1":true,"2":true,"10":false}}`; got != want { // V39
		t.Errorf("%s, want %s", got, want)
	}
	if got = string(hec.AppendAcks(nil, []uint64{0}, []bool{false})); got != `{"acks":{"0":false}}` { // V41
		t.Errorf("%s", got)
	}
}

func FuzzParseAckQuery(f *testing.F) {
	for _, body := range []string{`{"acks":[0,1]}`, ``, `{}`, `{"acks":[]}`, `{"acks":["0"]}`, `{"acks":[-1]}`, ` {"a":{},"acks" :[ 1 ,2 ] } `} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, refused := hec.ParseAckQuery(body, 10)
		if refused != nil {
			return
		}
		var keys map[string]json.RawMessage
		var want []uint64
		if err := json.Unmarshal(body, &keys); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(keys["acks"], &want); err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		if want = slices.Compact(want); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestAppendAckQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ids  []int64
		want string
	}{
		{[]int64{0}, `{"acks":[0]}`},
		{[]int64{0, 1, 9223372036854775807}, `{"acks":[0,1,9223372036854775807]}`},
	} {
		if got := string(hec.AppendAckQuery(nil, c.ids)); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestParseAcks(t *testing.T) {
	t.Parallel()
	many := make([]uint64, 1000)
	for i := range many {
		many[i] = math.MaxInt64 - uint64(i)
	}
	for _, c := range []struct {
		name, body string
		want       []int64
	}{
		{"V39", `{"acks":{"0":true,"1":true,"2":true,"3":false}}`, []int64{0, 1, 2}},
		{"V41", `{"acks":{"0":false}}`, nil},
		{"ascending", `{"acks":{"10":true,"9":true}}`, []int64{9, 10}},
		{"spaces and more", " {\n\"links\" : {} , \"acks\" : { \"1\" : true } }\r\n", []int64{1}},
		{"escapes", `{"\u0061cks":{"\u0037":true}}`, []int64{7}},
		{"twice, the last counts", `{"acks":{"1":true},"acks":{"2":true,"3":true,"3":false}}`, []int64{2}},
		{"of nothing", `{"acks":{}}`, nil},
		{"largest", `{"acks":{"9223372036854775807":true}}`, []int64{math.MaxInt64}},
	} {
		if got, err := hec.ParseAcks([]byte(c.body)); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	if got, err := hec.ParseAcks(hec.AppendAcks(nil, many, make([]bool, len(many)))); err != nil || len(got) > 0 {
		t.Errorf("a thousand of the longest: %v, %v", got, err)
	}
}

func TestParseAcksRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, reason string }{
		{"empty", "", "empty"},
		{"blank", " \r\n", "empty"},
		{"page", "<html><body>502 Bad Gateway", "HTML"},
		{"plain text", "upstream connect error", "not an object"},
		{"no-break space", "\u00a0{}", "not an object"},
		{"array", `[{"acks":{"0":true}}]`, "not an object"},
		{"null", `null`, "not an object"},
		{"nothing in it", `{}`, "no object of acks"},
		{"an error", `{"text":"ACK is disabled","code":14}`, "no object of acks"},
		{"other case", `{"Acks":{"0":true}}`, "no object of acks"},
		{"acks null", `{"acks":null}`, "no object of acks"},
		{"acks an array", `{"acks":[0]}`, "no object of acks"},
		{"acks true", `{"acks":true}`, "no object of acks"},
		{"acks null after all", `{"acks":{"0":true},"acks":null}`, "no object of acks"},
		{"value a number", `{"acks":{"0":1}}`, "neither true nor false"},
		{"value a string", `{"acks":{"0":"true"}}`, "neither true nor false"},
		{"value null", `{"acks":{"0":true,"1":null}}`, "neither true nor false"},
		{"value an object", `{"acks":{"0":{"a":{"b":true}}}}`, "neither true nor false"},
		{"id a word", `{"acks":{"0":true,"x":true}}`, "no number"},
		{"id empty", `{"acks":{"":true}}`, "no number"},
		{"id negative", `{"acks":{"-1":true}}`, "no number"},
		{"id signed", `{"acks":{"+1":true}}`, "no number"},
		{"id padded", `{"acks":{"01":true}}`, "no number"},
		{"id a fraction", `{"acks":{"1.0":true}}`, "no number"},
		{"id too large", `{"acks":{"9223372036854775808":true}}`, "no number"},
		{"cut off", `{"acks":{"0":true,"1":tr`, "not JSON"},
		{"cut off at the end", `{"acks":{"0":true}`, "not JSON"},
		{"more behind", `{"acks":{"0":true}}{}`, "not JSON"},
		{"comma", `{"acks":{"0":true,}}`, "not JSON"},
		{"too deep", `{"x":` + strings.Repeat("[", 20_000), "not JSON"},
		{"too long", `{"acks":{"0":true}}` + strings.Repeat(" ", hec.MaxAnswer), "longer"},
	} {
		got, err := hec.ParseAcks([]byte(c.body))
		refused, ok := errors.AsType[*hec.AnswerError](err)
		if !ok || got != nil {
			t.Errorf("%s: %v, %v; want an AnswerError", c.name, got, err)
			continue
		}
		if !strings.Contains(refused.Error(), c.reason) || len(refused.Excerpt) > 120 {
			t.Errorf("%s: %v; want %q and at most 120 bytes of the body", c.name, refused, c.reason)
		}
	}
}

// plainAcks is ParseAcks on encoding/json.
func plainAcks(body []byte) (acked []int64, ok bool) {
	var keys, acks map[string]json.RawMessage
	if len(body) > hec.MaxAnswer || nesting(body) > 16 || json.Unmarshal(body, &keys) != nil || json.Unmarshal(keys["acks"], &acks) != nil {
		return nil, false
	}
	for key, value := range acks {
		id, err := strconv.ParseUint(key, 10, 63)
		if err != nil || len(key) > 1 && key[0] == '0' || string(value) != "true" && string(value) != "false" {
			return nil, false
		}
		if value[0] == 't' {
			acked = append(acked, int64(id))
		}
	}
	slices.Sort(acked)
	return acked, acks != nil
}

func FuzzParseAcks(f *testing.F) {
	for _, body := range []string{
		`{"acks":{"0":true,"1":false}}`, ``, `{}`, `<html>`, `{"acks":{}}`, `{"acks":null}`, `{"acks":{"01":true}}`, `{"acks":{"-1":true}}`,
		` {"a":{},"acks" :{ "1" :true ,"\u0032": false, "1":false} } `, `{"acks":{"9223372036854775808":true}}`, `{"acks":{"0":tru`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := hec.ParseAcks(body)
		want, ok := plainAcks(body)
		if (err == nil) != ok || !slices.Equal(got, want) {
			t.Fatalf("%v, %v; want %v, %v", got, err, want, ok)
		}
		refused, is := errors.AsType[*hec.AnswerError](err)
		if err != nil && (!is || !utf8.ValidString(refused.Excerpt)) {
			t.Fatalf("%v is no AnswerError that can be logged", err)
		}
	})
}
