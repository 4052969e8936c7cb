package hec

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// MaxAnswer is the longest answer that is read, in bytes. Splunk's own are below
// 200; what is longer comes from something in front of it.
const MaxAnswer = 64 << 10

// Answer is the body of a response.
type Answer struct {
	Code Code
	// Text is the code's own text unless the server says otherwise.
	Text string
	// InvalidEvent is the position of the event that was refused, counted from 0
	// (IncorrectIndex alone counts from 1); -1 when the answer names none.
	InvalidEvent int
	// AckID is the request's number on its channel, to ask /ack about; -1 when the
	// token does not acknowledge.
	AckID int64
}

// NewAnswer is the plain answer for a code.
func NewAnswer(code Code) Answer {
	return Answer{Code: code, Text: code.Text(), InvalidEvent: -1, AckID: -1}
}

// AppendAnswer appends an answer byte by byte as splunkd writes it: no spaces, and
// always in this order.
func AppendAnswer(dst []byte, a Answer) []byte {
	dst = append(dst, `{"text":`...)
	dst = AppendString(dst, bytesOf(a.Text))
	dst = append(dst, `,"code":`...)
	dst = strconv.AppendInt(dst, int64(a.Code), 10)
	if a.InvalidEvent >= 0 {
		dst = append(dst, `,"invalid-event-number":`...)
		dst = strconv.AppendInt(dst, int64(a.InvalidEvent), 10)
	}
	if a.AckID >= 0 {
		dst = append(dst, `,"ackId":`...)
		dst = strconv.AppendInt(dst, a.AckID, 10)
	}
	return append(dst, '}')
}

// AnswerError says that a response's body is no answer of HEC: a proxy's page,
// nothing at all, or the first half of an answer.
type AnswerError struct {
	// Reason is what is wrong with the body.
	Reason string
	// Excerpt is how the body begins, at most 120 bytes, valid UTF-8 in one line.
	Excerpt string
}

func (e *AnswerError) Error() string {
	if e.Excerpt == "" {
		return "not an answer of HEC: " + e.Reason
	}
	return "not an answer of HEC: " + e.Reason + ": " + strconv.Quote(e.Excerpt)
}

// ParseAnswer reads the body of a response. It fails with an *AnswerError.
// Codes that are not in the table are kept: a newer Splunk may have more.
func ParseAnswer(body []byte) (Answer, error) {
	refuse := func(reason string) (Answer, error) {
		return Answer{}, &AnswerError{Reason: reason, Excerpt: excerpt(body)}
	}
	if reason := foreign(body); reason != "" {
		return refuse(reason)
	}
	var parsed struct {
		Code         *int   `json:"code"`
		Text         string `json:"text"`
		InvalidEvent *int   `json:"invalid-event-number"` //nolint:tagliatelle // Splunk's spelling
		AckID        *int64 `json:"ackId"`                //nolint:tagliatelle // Splunk's spelling
	}
	if err := json.Unmarshal(body, &parsed); err != nil {
		return refuse(err.Error())
	}
	if parsed.Code == nil || *parsed.Code < 0 {
		return refuse("the body has no code")
	}
	a := Answer{Code: Code(*parsed.Code), Text: parsed.Text, InvalidEvent: -1, AckID: -1}
	if parsed.InvalidEvent != nil && *parsed.InvalidEvent >= 0 {
		a.InvalidEvent = *parsed.InvalidEvent
	}
	if parsed.AckID != nil && *parsed.AckID >= 0 {
		a.AckID = *parsed.AckID
	}
	return a, nil
}

// foreign is why a body is so plainly no answer of HEC that it need not be parsed, empty
// if it may be one.
func foreign(body []byte) string {
	start := bytes.TrimSpace(body)
	switch {
	case len(body) > MaxAnswer:
		return "longer than " + strconv.Itoa(MaxAnswer) + " bytes"
	case len(start) == 0:
		return "the body is empty"
	case start[0] == '<':
		return "the body is HTML"
	default:
		return ""
	}
}

func excerpt(body []byte) string {
	const longest = 120
	start := body[:min(len(body), longest)]
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(start), "")), " ")
}
