package splunk

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// HEC codes, from Splunk's published table.
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
	codeEventRequired        = 12
	codeEventBlank           = 13
	codeFields               = 15
	codeQueryAuthDisabled    = 16
	codeHealthy              = 17
	codeHealthInvalidToken   = 21
	codeHealthTokenDisabled  = 22
)

// meanings are the status and text of each code.
var meanings = map[int]struct {
	status int
	text   string
}{
	codeSuccess:              {http.StatusOK, "Success"},
	codeTokenDisabled:        {http.StatusForbidden, "Token disabled"},
	codeTokenRequired:        {http.StatusUnauthorized, "Token is required"},
	codeInvalidAuthorization: {http.StatusUnauthorized, "Invalid authorization"},
	codeInvalidToken:         {http.StatusForbidden, "Invalid token"},
	codeNoData:               {http.StatusBadRequest, "No data"},
	codeInvalidFormat:        {http.StatusBadRequest, "Invalid data format"},
	codeIncorrectIndex:       {http.StatusBadRequest, "Incorrect index"},
	codeInternal:             {http.StatusInternalServerError, "Internal server error"},
	codeEventRequired:        {http.StatusBadRequest, "Event field is required"},
	codeEventBlank:           {http.StatusBadRequest, "Event field cannot be blank"},
	codeFields:               {http.StatusBadRequest, "Error in handling indexed fields"},
	codeQueryAuthDisabled:    {http.StatusBadRequest, "Query string authorization is not enabled"},
	codeHealthy:              {http.StatusOK, "HEC is healthy"},
	codeHealthInvalidToken:   {http.StatusBadRequest, "Invalid token"},
	codeHealthTokenDisabled:  {http.StatusBadRequest, "Token disabled"},
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
	retryAfter  time.Duration
	hangUp      bool // closes the connection after the answer
}

// reply is the answer for a HEC code.
func reply(code int) answer {
	return answerJSON(code, "")
}

// invalidEvent is the answer for a code that the event at an index, counted from zero, caused. Splunk counts from one for code 7.
func invalidEvent(code, at int) answer {
	if code == codeIncorrectIndex {
		at++
	}
	return answerJSON(code, `,"invalid-event-number":`+strconv.Itoa(at))
}

func answerJSON(code int, more string) answer {
	m := meanings[code]
	body := `{"text":"` + m.text + `","code":` + strconv.Itoa(code) + more + "}"
	return answer{status: m.status, code: code, contentType: typeJSON, body: body}
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
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body))
}
