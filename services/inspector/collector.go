package inspector

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/drainline/drainline/services/internal/hec"
)

// maxBody bounds a request, in bytes as it comes and inflated.
const maxBody = 64 << 20

// collect is HEC's event endpoint. A request is taken whole or not at all.
func (i *Inspector) collect(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
	case http.MethodOptions: // Docker's log driver starts no container without a 200
		w.WriteHeader(http.StatusOK)
		return
	default:
		answer(w, http.StatusMethodNotAllowed, hec.NewAnswer(hec.NotFound))
		return
	}
	select {
	case i.reading <- struct{}{}:
		defer func() { <-i.reading }()
	case <-r.Context().Done():
		answer(w, hec.ShuttingDown.Status(), hec.NewAnswer(hec.ShuttingDown))
		return
	}
	if err := i.store(w, r); err != nil {
		i.sink.refuse(err.Error())
		answer(w, err.Code.Status(), err.Answer())
		return
	}
	answer(w, hec.Success.Status(), hec.NewAnswer(hec.Success))
}

func (i *Inspector) store(w http.ResponseWriter, r *http.Request) *hec.RefusedError {
	body, refused := readBody(w, r)
	if refused != nil {
		return refused
	}
	now := time.Now()
	staged := i.sink.stage()
	in := hec.NewScanner(body, hec.Limits{})
	for in.Next() {
		staged.add(newEntry(in.Envelope(), now))
	}
	if in.Refused() != nil {
		return in.Refused()
	}
	i.sink.take(staged, in.Events(), now)
	return nil
}

func refuse(code hec.Code) *hec.RefusedError { return &hec.RefusedError{Code: code, Event: -1} }

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *hec.RefusedError) {
	if r.ContentLength > maxBody {
		return nil, refuse(hec.TooLarge)
	}
	var in io.Reader = http.MaxBytesReader(w, r.Body, maxBody)
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip":
		inflate, err := gzip.NewReader(in)
		if err != nil {
			return nil, refuseReading(err)
		}
		in = inflate
	default:
		return nil, refuse(hec.UnsupportedEncoding)
	}
	body, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	if err != nil {
		return nil, refuseReading(err)
	}
	if len(body) > maxBody {
		return nil, refuse(hec.TooLarge)
	}
	return body, nil
}

// refuseReading is for a body that could not be read to its end: too long,
// no gzip, or cut off.
func refuseReading(err error) *hec.RefusedError {
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return refuse(hec.TooLarge)
	}
	return refuse(hec.InvalidDataFormat)
}

// health answers as HEC's does, without a token.
func health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		answer(w, http.StatusMethodNotAllowed, hec.NewAnswer(hec.NotFound))
		return
	}
	answer(w, hec.Healthy.Status(), hec.NewAnswer(hec.Healthy))
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	answer(w, hec.NotFound.Status(), hec.NewAnswer(hec.NotFound))
}

func answer(w http.ResponseWriter, status int, a hec.Answer) {
	body := hec.AppendAnswer(nil, a)
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}
