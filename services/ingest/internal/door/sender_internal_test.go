package door

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// While a secret is changed, the old one lets in as well, in either half.
func TestSecretsOverlap(t *testing.T) {
	t.Parallel()
	s, kept := open(), &shelf{}
	s.Credentials = []Credential{{Name: "a", Secrets: []string{"new", "old"}}, {Name: "b", Secrets: []string{"other"}}}
	d := newDoor(t, s, kept)
	for pair, want := range map[string]string{
		"new:": "a", ":new": "a", "x:new": "a", "old:": "a", ":old": "a", "x:old": "a", "new:old": "a",
		":other": "b", ":older": "", ":": "", "a:": "", ":New": "",
	} {
		r := drainPost("/logs", "", bytes.NewReader(frame("x")))
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
		status, stored := d.answer(r), kept.take()
		if want == "" {
			if status != http.StatusUnauthorized || len(stored) > 0 {
				t.Errorf("%s: answered %d, stored %v", pair, status, stored)
			}
		} else if status != http.StatusNoContent || len(stored) != 1 || stored[0].GetCredential() != want {
			t.Errorf("%s: answered %d, stored %v", pair, status, stored)
		}
	}
	r := drainPost("/logs", "", bytes.NewReader(frame("x")))
	r.Header.Set("Authorization", "Bearer old") // log-shuttle's other way
	if got := d.answer(r); got != http.StatusNoContent {
		t.Errorf("answered a bearer %d", got)
	}
	s.Credentials[0].Secrets = []string{"new", ""}
	d.Set(s)
	for _, secret := range []string{"old", ""} {
		if got := d.answer(drainPost("/logs", secret, bytes.NewReader(frame("x")))); got != http.StatusUnauthorized {
			t.Errorf("answered %q %d when the old secret was gone", secret, got)
		}
	}
}

// A credential that is limited to apps may not name another; the first place of
// app_from that names one counts.
func TestAppsOfACredential(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from        []string
		token, path string
		status      int
	}{
		{[]string{"drain", "path", "query"}, "", "/logs", 204},
		{[]string{"drain", "path", "query"}, "", "/logs/shop", 204},
		{[]string{"drain", "path", "query"}, "", "/logs/blog", 403},
		{[]string{"drain", "path", "query"}, "", "/logs?app=shop", 204},
		{[]string{"drain", "path", "query"}, "", "/logs?app=blog", 403},
		{[]string{"drain", "path", "query"}, "", "/logs?app=*", 204}, // no name: nothing is named
		{[]string{"drain", "path", "query"}, "", "/logs/shop?app=blog", 204},
		{[]string{"query", "path"}, "", "/logs/shop?app=blog", 403},
		{[]string{"hostname", "path"}, "", "/logs/blog", 403},
		{[]string{"hostname", "credential"}, "", "/logs/blog", 204},
		{[]string{"drain", "path"}, "d.shop", "/logs/blog", 204},
		{[]string{"drain", "path"}, "d.blog", "/logs/shop", 403},
		{[]string{"path", "drain"}, "d.blog", "/logs/shop", 204},
		{[]string{"path", "drain"}, "d.blog", "/logs", 403},
		{[]string{"path", "drain"}, "d.nameless", "/logs", 204},
	} {
		s, kept := open(), &shelf{}
		s.Credentials[0].Apps, s.AppFrom = []string{"cart", "shop"}, c.from
		s.Drains = map[string]string{"d.shop": "shop", "d.blog": "blog", "d.nameless": ""}
		d := newDoor(t, s, kept)
		status := d.answer(drainPost(c.path, "sesame", bytes.NewReader(frame("x")), "Logplex-Drain-Token", c.token))
		if status != c.status {
			t.Errorf("%s of %q, by %v: answered %d", c.path, c.token, c.from, status)
		}
		stored := kept.take()
		if (status == 204) != (len(stored) == 1) || (status == 403) != (d.Counts.Foreign.Load() == 1) {
			t.Errorf("%s of %q, by %v: stored %v, counted %d", c.path, c.token, c.from, stored, d.Counts.Foreign.Load())
		}
		for _, r := range stored {
			if got := r.GetFacts().GetApps(); !slices.Equal(got, []string{"cart", "shop"}) {
				t.Errorf("transform hears of apps %v", got)
			}
		}
	}
}

// What another door knows of its sender travels with the body.
func TestServe(t *testing.T) {
	t.Parallel()
	s, kept := open(), &shelf{}
	s.Drains, s.UnknownDrains = map[string]string{"d.1": "shop"}, config.QuarantineDrains
	d := newDoor(t, s, kept)
	marks := append(make([]string, 0, 2), "noted")
	sender := Sender{
		Credential: "web", Door: drainlinev1.Door_DOOR_HEC, RemoteAddr: "192.0.2.1", Apps: []string{"shop"},
		StructuredData: drainlinev1.StructuredData_STRUCTURED_DATA_ALWAYS,
		Defaults:       &drainlinev1.Defaults{Host: "h", Index: "i"}, Marks: marks,
	}
	r := httptest.NewRequest(http.MethodPost, "/services/collector/raw?channel=x&app=shop", bytes.NewReader(frame("x")))
	r.Header.Set("Logplex-Drain-Token", "d.2")
	r.Header.Set("Content-Type", "text/plain") // which other doors do not look at
	w := httptest.NewRecorder()
	d.Serve(w, r, sender)
	stored := kept.take()
	if w.Code != http.StatusNoContent || len(stored) != 1 {
		t.Fatalf("answered %d, stored %v", w.Code, stored)
	}
	want := &drainlinev1.Request{
		Id: stored[0].GetId(), ReceivedNs: stored[0].GetReceivedNs(),
		Credential: "web", Door: drainlinev1.Door_DOOR_HEC, DrainToken: "d.2", Query: map[string]string{"app": "shop"},
		Facts: &drainlinev1.Facts{
			RemoteAddr: "192.0.2.1", Apps: []string{"shop"}, StructuredData: drainlinev1.StructuredData_STRUCTURED_DATA_ALWAYS,
		},
		Defaults: &drainlinev1.Defaults{Host: "h", Index: "i"}, Marks: []string{"noted", wire.MarkUnknownDrain},
		Encoding: drainlinev1.Encoding_ENCODING_FRAMES, Body: frame("x"),
	}
	if !proto.Equal(stored[0], want) {
		t.Errorf("stored %v,\nwant %v", stored[0], want)
	}
	if got := marks[:2][1]; got != "" {
		t.Errorf("the sender's marks have become %q", marks[:2])
	}
}

// answers are what n requests at once are answered, and after how long.
func (d *Door) answers(n int, request func() *http.Request) map[string]int {
	var (
		mu      sync.Mutex
		answers = map[string]int{}
		senders sync.WaitGroup
		start   = time.Now()
	)
	for range n {
		senders.Go(func() {
			status := d.answer(request())
			mu.Lock()
			defer mu.Unlock()
			answers[fmt.Sprintf("%d after %v", status, time.Since(start).Round(time.Millisecond))]++
		})
	}
	senders.Wait()
	return answers
}

// Over its rate a sender is delayed for as long as it can be, and then let in: a
// refusal would lose its lines.
func TestRateOnlyDelays(t *testing.T) {
	t.Parallel()
	const mebi = 1 << 20
	for _, c := range []struct {
		name     string
		rate     config.Rate
		hold     time.Duration
		requests int
		bytes    int
		answers  map[string]int
		marked   int
	}{
		{"no bound", config.Rate{}, 4 * time.Second, 9, 10, map[string]int{"204 after 0s": 9}, 0},
		{"within it", config.Rate{Requests: 2}, 4 * time.Second, 2, 10, map[string]int{"204 after 0s": 2}, 0},
		{
			"requests",
			config.Rate{Requests: 1},
			4 * time.Second, 6, 10,
			map[string]int{"204 after 0s": 1, "204 after 1s": 1, "204 after 2s": 1, "204 after 3s": 1, "204 after 3.5s": 2},
			2,
		},
		{"no time to wait", config.Rate{Requests: 1}, 100 * time.Millisecond, 3, 10, map[string]int{"204 after 0s": 3}, 2},
	} {
		d, kept := newDoor(t, Settings{}, &shelf{}), &shelf{}
		d.Store = kept
		synctest.Test(t, func(t *testing.T) {
			s := open()
			s.Hold, s.Credentials[0].Rate = c.hold, c.rate
			d.Set(s)
			body := frame(string(bytes.Repeat([]byte("x"), c.bytes)))
			got := d.answers(c.requests, func() *http.Request { return drainPost("/logs", "sesame", bytes.NewReader(body)) })
			if fmt.Sprint(got) != fmt.Sprint(c.answers) {
				t.Errorf("%s: answered %v", c.name, got)
			}
			marked := 0
			for _, r := range kept.take() {
				if slices.Equal(r.GetMarks(), []string{wire.MarkOverRate}) {
					marked++
				}
			}
			if marked != c.marked || d.Counts.OverRate.Load() != int64(c.marked) {
				t.Errorf("%s: marked %d, counted %d", c.name, marked, d.Counts.OverRate.Load())
			}
		})
	}
	// The bytes of a body are counted when they have been read, and those that follow
	// wait for them.
	d := newDoor(t, Settings{}, accepting{})
	synctest.Test(t, func(t *testing.T) {
		s := open()
		s.Credentials[0].Rate.Bytes = mebi
		d.Set(s)
		body := bytes.Repeat(frame("x"), 3*mebi/len(frame("x")))
		chunked := func() *http.Request {
			return drainPost("/logs", "sesame", io.MultiReader(bytes.NewReader(body))) // of unknown length
		}
		for n, want := range []string{"204 after 0s", "204 after 2s", "204 after 3s"} {
			if got := d.answers(1, chunked); got[want] != 1 {
				t.Errorf("body %d: answered %v", n, got)
			}
		}
		s.Hold = 3 * time.Second // what has been used still counts
		d.Set(s)
		if got := d.answers(1, chunked); got["204 after 2.5s"] != 1 || d.Counts.OverRate.Load() != 1 {
			t.Errorf("answered %v, counted %d", got, d.Counts.OverRate.Load())
		}
	})
}

// Who finds no slot waits for one, and is told to come again when none is free in
// time: that is our trouble, not the sender's.
func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	d := newDoor(t, Settings{}, accepting{})
	synctest.Test(t, func(t *testing.T) {
		s := open()
		s.Limits.Requests = 2
		d.Set(s)
		upload := func(takes time.Duration) *http.Request {
			content, w := io.Pipe()
			go func() {
				time.Sleep(takes)
				_, err := w.Write(frame("x"))
				_ = w.CloseWithError(err)
			}()
			return drainPost("/logs", "sesame", content)
		}
		var slow sync.WaitGroup
		for _, takes := range []time.Duration{3 * time.Second, 6 * time.Second} {
			slow.Go(func() { d.answers(1, func() *http.Request { return upload(takes) }) })
		}
		synctest.Wait()
		d.Set(s) // slots are not given twice
		quick := func() *http.Request { return drainPost("/logs", "sesame", bytes.NewReader(frame("x"))) }
		if got := d.answers(3, quick); got["204 after 3s"] != 3 {
			t.Errorf("answered %v when a slot came free", got)
		}
		slow.Go(func() { d.answers(1, func() *http.Request { return upload(9 * time.Second) }) })
		synctest.Wait()
		time.Sleep(3 * time.Second) // the one of six seconds has ended
		slow.Go(func() { d.answers(1, func() *http.Request { return upload(9 * time.Second) }) })
		synctest.Wait()
		if got := d.answers(2, quick); got["503 after 4s"] != 2 || d.Counts.Unavailable.Load() != 2 {
			t.Errorf("answered %v, counted %d", got, d.Counts.Unavailable.Load())
		}
		if got := d.answer(drainPost("/logs", "wrong", nil)); got != http.StatusUnauthorized {
			t.Errorf("answered %d: strangers wait for nothing", got)
		}
		slow.Wait()
	})
}
