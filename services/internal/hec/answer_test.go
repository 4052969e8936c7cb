package hec_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/drainline/drainline/services/internal/hec"
)

// answer is a's body with the position and the ack id set, where not negative.
func answer(code hec.Code, invalid int, ack int64) hec.Answer {
	a := hec.NewAnswer(code)
	a.InvalidEvent, a.AckID = invalid, ack
	return a
}

func TestAnswerAsSplunkWritesIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer hec.Answer
		body   string
	}{
		{answer(hec.Success, -1, -1), `{"text":"Success","code":0}`},
		{answer(hec.Success, -1, 0), `{"text":"Success","code":0,"ackId":0}`},
		{answer(hec.InvalidDataFormat, 75, -1), `{"text":"Invalid data format","code":6,"invalid-event-number":75}`},
		{answer(hec.ServerBusy, 0, -1), `{"text":"Server is busy","code":9,"invalid-event-number":0}`},
		{answer(hec.IncorrectIndex, 2, -1), `{"text":"Incorrect index","code":7,"invalid-event-number":2}`},
		{answer(hec.NotFound, -1, -1), `{"text":"The requested URL was not found on this server.","code":404}`},
		{hec.Answer{Code: 28, Text: `a "new" one`, InvalidEvent: -1, AckID: -1}, `{"text":"a \"new\" one","code":28}`},
	} {
		if got := string(hec.AppendAnswer(nil, c.answer)); got != c.body {
			t.Errorf("%+v is written %s, want %s", c.answer, got, c.body)
		}
		if got, err := hec.ParseAnswer([]byte(c.body)); err != nil || got != c.answer {
			t.Errorf("%s is read %+v, %v; want %+v", c.body, got, err, c.answer)
		}
	}
}

// Splunk counts from 1 where it refuses an index.
func TestRefusedAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		refused hec.RefusedError
		body    string
		says    string
	}{
		{hec.RefusedError{Code: hec.NoData, Event: -1}, `{"text":"No data","code":5}`, "No data"},
		{
			hec.RefusedError{Code: hec.IncorrectIndex, Event: 1, Reason: "x is not allowed"}, // V16
			`{"text":"Incorrect index","code":7,"invalid-event-number":2}`, "Incorrect index: event 1: x is not allowed",
		},
		{
			hec.RefusedError{Code: hec.IncorrectIndex}, // V35
			`{"text":"Incorrect index","code":7,"invalid-event-number":1}`, "Incorrect index: event 0: ",
		},
		{hec.RefusedError{Code: hec.IncorrectIndex, Event: -1}, `{"text":"Incorrect index","code":7}`, "Incorrect index"},
		{
			hec.RefusedError{Code: hec.EventBlank, Reason: "its event is blank"},
			`{"text":"Event field cannot be blank","code":13,"invalid-event-number":0}`,
			"Event field cannot be blank: event 0: its event is blank",
		},
		{
			hec.RefusedError{Code: hec.InvalidDataFormat, Event: -1, Reason: "it is not JSON"},
			`{"text":"Invalid data format","code":6}`, "Invalid data format: it is not JSON",
		},
	} {
		if got := string(hec.AppendAnswer(nil, c.refused.Answer())); got != c.body {
			t.Errorf("%+v is answered %s, want %s", c.refused, got, c.body)
		}
		if got := c.refused.Error(); got != c.says {
			t.Errorf("%+v says %q, want %q", c.refused, got, c.says)
		}
	}
}

func TestParseAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		want       hec.Answer
	}{
		{"spaces", " {\"text\": \"Success\", \"code\": 0}\r\n", answer(hec.Success, -1, -1)},
		{
			"other order and more keys", `{"code":24,"links":{},"text":"HEC queue is approaching its capacity limit"}`,
			answer(hec.QueueNearlyFull, -1, -1),
		},
		{"no text", `{"code":9}`, hec.Answer{Code: hec.ServerBusy, InvalidEvent: -1, AckID: -1}},
		{
			"negative position", `{"text":"Server is busy","code":9,"invalid-event-number":-3,"ackId":-1}`,
			answer(hec.ServerBusy, -1, -1),
		},
	} {
		if got, err := hec.ParseAnswer([]byte(c.body)); err != nil || got != c.want {
			t.Errorf("%s: read %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}

func TestParseAnswerRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, reason string }{
		{"empty", "", "empty"},
		{"blank", " \r\n", "empty"},
		{"page", "<!doctype html><html>\r\n<head>", "HTML"},
		{"cut off", `{"text":"Succ`, "unexpected end"},
		{"two answers", `{"text":"Success","code":0}{}`, "after top-level value"},
		{"plain text", "upstream connect error", "invalid character"},
		{"a string", `"busy"`, "cannot unmarshal"},
		{"a proxy's object", `{"message":"no Route matched"}`, "no code"},
		{"null", `null`, "no code"},
		{"code null", `{"code":null}`, "no code"},
		{"code negative", `{"code":-1}`, "no code"},
		{"code a string", `{"code":"0"}`, "cannot unmarshal"},
		{"code a fraction", `{"code":0.5}`, "cannot unmarshal"},
		{"ack id too large", `{"code":0,"ackId":9223372036854775808}`, "cannot unmarshal"},
		{"too long", `{"code":0,"text":"` + strings.Repeat("x", hec.MaxAnswer) + `"}`, "longer"},
	} {
		_, err := hec.ParseAnswer([]byte(c.body))
		var refused *hec.AnswerError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v, want an AnswerError", c.name, err)
			continue
		}
		if !strings.Contains(refused.Error(), c.reason) || len(refused.Excerpt) > 120 {
			t.Errorf("%s: %v; want %q and at most 120 bytes of the body", c.name, refused, c.reason)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, body := range []string{
		"", "<html>", `{"text":"Success","code":0,"ackId":7}`, `{"code":6,"invalid-event-number":75}`,
		`{"code":99999999999999999999}`, "\xff{}", `{"text":"\ud800","code":1}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := hec.ParseAnswer(body)
		if err != nil {
			var refused *hec.AnswerError
			if !errors.As(err, &refused) || !utf8.ValidString(refused.Excerpt) {
				t.Fatalf("%v is no AnswerError that can be logged", err)
			}
			return
		}
		again, err := hec.ParseAnswer(hec.AppendAnswer(nil, a))
		if err != nil || again != a {
			t.Fatalf("%+v is read back as %+v, %v", a, again, err)
		}
	})
}
