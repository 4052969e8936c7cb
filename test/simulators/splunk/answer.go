package splunk

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// HEC codes that the simulator gives of itself. The others are only in the table: see Response.Code.
const (
	codeSuccess              = 0
	codeTokenDisabled        = 1
	codeTokenRequired        = 2
	codeInvalidAuthorization = 3
	codeInvalidToken         = 4
	codeNoData               = 5
	codeInvalidFormat        = 6
	codeIncorrectIndex       = 7
	codeInternal             = 8
	codeBusy                 = 9
	codeChannelMissing       = 10
	codeInvalidChannel       = 11
	codeEventRequired        = 12
	codeEventBlank           = 13
	codeAckDisabled          = 14
	codeFields               = 15
	codeQueryAuthDisabled    = 16
	codeHealthy              = 17
	codeQueuesFull           = 18
	codeHealthInvalidToken   = 21
	codeHealthTokenDisabled  = 22
	codeQueueWarning         = 24
	codeAckWarning           = 25
	codeQueueFull            = 26
	codeAckFull              = 27
)

// meanings are the status and text of each code, which is the place in the table.
var meanings = [...]struct {
	status int
	text   string
}{
	{http.StatusOK, "Success"},
	{http.StatusForbidden, "Token disabled"},
	{http.StatusUnauthorized, "Token is required"},
	{http.StatusUnauthorized, "Invalid authorization"},
	{http.StatusForbidden, "Invalid token"},
	{http.StatusBadRequest, "No data"},
	{http.StatusBadRequest, "Invalid data format"},
	{http.StatusBadRequest, "Incorrect index"},
	{http.StatusInternalServerError, "Internal server error"},
	{http.StatusServiceUnavailable, "Server is busy"},
	{http.StatusBadRequest, "Data channel is missing"}, // 10
	{http.StatusBadRequest, "Invalid data channel"},
	{http.StatusBadRequest, "Event field is required"},
	{http.StatusBadRequest, "Event field cannot be blank"},
	{http.StatusBadRequest, "ACK is disabled"},
	{http.StatusBadRequest, "Error in handling indexed fields"},
	{http.StatusBadRequest, "Query string authorization is not enabled"},
	{http.StatusOK, "HEC is healthy"},
	{http.StatusServiceUnavailable, "HEC is unhealthy, queues are full"},
	{http.StatusServiceUnavailable, "HEC is unhealthy, ack service unavailable"},
	{http.StatusServiceUnavailable, "HEC is unhealthy, queues are full, ack service unavailable"}, // 20
	{http.StatusBadRequest, "Invalid token"},
	{http.StatusBadRequest, "Token disabled"},
	{http.StatusServiceUnavailable, "Server is shutting down"},
	{http.StatusOK, "HEC queue is approaching its capacity limit"},
	{http.StatusOK, "HEC ACK is approaching its capacity limit"},
	{http.StatusTooManyRequests, "HEC queue is at capacity and cannot process any more requests"},
	{http.StatusTooManyRequests, "HEC ACK channel is at capacity and cannot process any more requests"},
}

const (
	typeJSON = "application/json; charset=UTF-8"
	typeHTML = "text/html; charset=UTF-8"
)

// An answer is a whole HTTP answer.
type answer struct {
	status      int
	code        int // HEC's code, or the status where splunkd answers without one
	contentType string
	body        string
	more        string      // what the body holds behind the code
	header      http.Header // in addition to splunkd's, or in its place
	retryAfter  time.Duration
	hangUp      bool  // closes the connection after the answer
	confirms    int64 // how many indexed events a client that gets this answer knows to be indexed
}

// reply is the answer for a HEC code.
func reply(code int) answer {
	return answerJSON(code, "")
}

// numbered is the answer for a code with the number of the event that caused it.
func numbered(code, number int) answer {
	return answerJSON(code, `,"invalid-event-number":`+strconv.Itoa(number))
}

func answerJSON(code int, more string) answer {
	m := meanings[code]
	body := `{"text":"` + m.text + `","code":` + strconv.Itoa(code) + more + "}"
	return answer{status: m.status, code: code, contentType: typeJSON, body: body, more: more}
}

// notFound is Splunk's answer for an unknown path and, with another status, for a wrong method.
func notFound(status int) answer {
	const body = `{"text":"The requested URL was not found on this server.","code":404}`
	return answer{status: status, code: http.StatusNotFound, contentType: typeJSON, body: body}
}

// page is splunkd's answer to a request it refuses before HEC sees it: HTML, not JSON.
func page(status int, sentence string) answer {
	title := http.StatusText(status)
	if status == http.StatusRequestEntityTooLarge {
		title = "Payload Too Large"
	}
	const shape = `<!doctype html><html><head><meta http-equiv="content-type" content="text/html; charset=UTF-8">` +
		"<title>%d %s</title></head><body><h1>%s</h1><p>%s</p></body></html>\r\n"
	return answer{status: status, code: status, contentType: typeHTML, body: fmt.Sprintf(shape, status, title, title, sentence)}
}

// write sends the answer with the headers splunkd sends. An error means that the client is gone.
func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	h.Set("Server", "Splunkd")
	h.Set("Vary", "Authorization")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	if a.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(a.retryAfter.Round(time.Second)/time.Second)))
	}
	if a.hangUp {
		h.Set("Connection", "close")
	}
	maps.Copy(h, a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body))
}
