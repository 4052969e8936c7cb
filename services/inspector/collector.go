package inspector

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

// maxBody bounds a request, in bytes as it comes and inflated.
const maxBody = 64 << 20

// store puts the events of a body into the sink, all of them or none.
type store func(body []byte, query url.Values) *hec.RefusedError

// collect is one of HEC's endpoints for events.
func (i *Inspector) collect(put store) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
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
		body, err := readBody(w, r)
		if err == nil {
			err = put(body, r.URL.Query())
		}
		if err != nil {
			i.sink.refuse(err.Error())
			answer(w, err.Code.Status(), err.Answer())
			return
		}
		answer(w, hec.Success.Status(), hec.NewAnswer(hec.Success))
	}
}

// storeEvents is for the event endpoint.
func (i *Inspector) storeEvents(body []byte, _ url.Values) *hec.RefusedError {
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

// storeLines is for the raw endpoint: each line becomes the envelope that says the same.
func (i *Inspector) storeLines(body []byte, query url.Values) *hec.RefusedError {
	e := wire.Event{
		Host: query.Get("host"), Source: query.Get("source"), Sourcetype: query.Get("sourcetype"), Index: query.Get("index"),
	}
	if at := query.Get("time"); at != "" {
		var refused *hec.RefusedError
		if e.TimeNS, refused = hec.ParseQueryTime(at); refused != nil {
			return refused
		}
	}
	now := time.Now()
	staged := i.sink.stage()
	var envelope []byte
	lines := 0
	for e.Text = range hec.Lines(body) {
		envelope = hec.AppendEvent(envelope[:0], &e)
		in := hec.NewScanner(envelope, hec.Limits{})
		if !in.Next() {
			return in.Refused()
		}
		added := newEntry(in.Envelope(), now)
		added.Raw = true
		staged.add(added)
		lines++
	}
	if lines == 0 {
		return refuse(hec.NoData)
	}
	i.sink.take(staged, lines, now)
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
