package hec_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

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
