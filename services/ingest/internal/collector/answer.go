package collector

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/drainline/drainline/services/internal/hec"
)

// pause is how long clients are asked to wait when nothing tells how long a trouble
// will last.
const pause = 5 * time.Second

// answer writes HEC's answer with the status that belongs to its code.
func answer(w http.ResponseWriter, a hec.Answer) {
	write(w, a.Code.Status(), hec.AppendAnswer(nil, a))
}

// write sends a whole answer with splunkd's headers, but for its name. There is
// never a cookie: Kafka Connect takes any for the end of its session, and sends
// everything again.
func write(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json; charset=UTF-8"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Vary"] = []string{"Authorization"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["X-Frame-Options"] = []string{"SAMEORIGIN"}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left needs no answer
}

// postpone asks the client to come again after a while, in whole seconds:
// OpenTelemetry's exporter reads no other form.
func postpone(w http.ResponseWriter, code hec.Code, wait time.Duration) {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	w.Header()["Retry-After"] = []string{strconv.Itoa(seconds)}
	answer(w, hec.NewAnswer(code))
}
