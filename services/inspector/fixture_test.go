package inspector_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/services/inspector"
)

// patience is how long a test waits for something that is to happen.
const patience = 20 * time.Second

// fixture is an inspector that runs, and a client of it.
type fixture struct {
	*testing.T

	url    string
	client *http.Client
	stop   func() error
}

func start(t *testing.T, o inspector.Options) *fixture {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	o.Log = slog.New(slog.DiscardHandler)
	i, err := inspector.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- i.Run(ctx) }()
	stopped := false
	f := &fixture{T: t, url: i.URL(), client: &http.Client{Transport: &http.Transport{ExpectContinueTimeout: patience}, Timeout: patience}}
	f.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		if err := f.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return f
}

// reply is a response that was read.
type reply struct {
	status int
	header http.Header
	body   string
}

func (f *fixture) do(method, path, body string, header ...string) reply {
	f.Helper()
	r, err := http.NewRequestWithContext(f.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	response, err := f.client.Do(r)
	if err != nil {
		f.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		f.Fatal(err)
	}
	return reply{status: response.StatusCode, header: response.Header, body: string(content)}
}

func (f *fixture) get(path string) reply {
	f.Helper()
	return f.do(http.MethodGet, path, "")
}

// post sends envelopes that have to be taken.
func (f *fixture) post(envelopes string) {
	f.Helper()
	if r := f.do(http.MethodPost, "/services/collector/event", envelopes); r.status != http.StatusOK {
		f.Fatalf("%d %s", r.status, r.body)
	}
}

// listed is what /events says.
type listed struct {
	Received int64 `json:"received"`
	Events   []struct {
		Number   int64           `json:"number"`
		Arrived  time.Time       `json:"arrived"`
		App      string          `json:"app"`
		Kind     string          `json:"kind"`
		Text     string          `json:"text"`
		Envelope json.RawMessage `json:"envelope"`
	} `json:"events"`
}

func (f *fixture) events(query url.Values) listed {
	f.Helper()
	r := f.get("/events?" + query.Encode())
	var l listed
	if err := json.Unmarshal([]byte(r.body), &l); err != nil || r.status != http.StatusOK {
		f.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return l
}

func (l listed) texts() string {
	var texts []string
	for _, e := range l.Events {
		texts = append(texts, e.Text)
	}
	return strings.Join(texts, " ")
}

func zip(t *testing.T, body string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
