package ingest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/logplex/logplextest"
)

// What the configuration says of a credential holds at the door or travels on.
func TestCredentialSettings(t *testing.T) {
	t.Parallel()
	c := settings()
	c.Ingest.Logplex.QueryFields = []string{"utm_*"}
	c.Ingest.Logplex.Credentials = map[string]config.Credential{
		"moving": {Secret: "new", PreviousSecret: "old"},
		"shop":   {Secret: "shop", Apps: []string{"shop"}, StructuredData: config.StructuredDataAlways},
		"plain":  {Secret: "plain", StructuredData: config.StructuredDataNever},
		"busy":   {Secret: "busy", Rate: config.Rate{Requests: 1}},
	}
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	for _, c := range []struct {
		secret, path string
		status       int
		stored       string // credential, apps, structured data, query, marks
	}{
		{"new", "/logs?utm_source=x", 204, "moving [] STRUCTURED_DATA_UNSPECIFIED map[utm_source:x] []"},
		{"old", "/logs", 204, "moving [] STRUCTURED_DATA_UNSPECIFIED map[] []"},
		{"shop", "/logs/shop", 204, "shop [shop] STRUCTURED_DATA_ALWAYS map[] []"},
		{"shop", "/logs/blog", 403, ""},
		{"plain", "/logs", 204, "plain [] STRUCTURED_DATA_NEVER map[] []"},
		{"busy", "/logs", 204, "busy [] STRUCTURED_DATA_UNSPECIFIED map[] []"},
		{"busy", "/logs", 204, "busy [] STRUCTURED_DATA_UNSPECIFIED map[] [over_rate]"}, // hold leaves no time to wait
	} {
		before := len(stored(t, conn))
		status, text, _, err := i.do(http.MethodPost, c.path, headers("Authorization", basic(":"+c.secret), "Logplex-Frame-Id", "-"),
			bytes.NewReader(logplextest.Body(t, "N1")))
		if err != nil || status != c.status {
			t.Fatalf("%s at %s: answered %d %q %v", c.secret, c.path, status, text, err)
		}
		got := ""
		for _, r := range stored(t, conn)[before:] {
			f := r.GetFacts()
			got += fmt.Sprint(r.GetCredential(), " ", f.GetApps(), " ", f.GetStructuredData(), " ", r.GetQuery(), " ", r.GetMarks())
		}
		if got != c.stored {
			t.Errorf("%s at %s: stored %s", c.secret, c.path, got)
		}
	}
}

// Drains that are not listed are marked and remembered, until they are.
func TestDrainsAreListedLive(t *testing.T) {
	t.Parallel()
	const known, fresh = "d.73ea7440-270a-435a-a0ea-adf50b4e5f5a", "d.00000000-0000-4000-8000-000000000000"
	c := settings()
	c.Drains = []config.Drain{{Token: known, App: "shop", ExpectWithin: time.Hour}, {Token: "d.silent", ExpectWithin: time.Hour}}
	conn := connect(t, nats(t, t.TempDir(), -1), c)
	i := run(t, open(t, ingest.Options{Config: c, Bus: conn}))
	post := func(token string) (*drainlinev1.Request, int) {
		t.Helper()
		status := i.post(headers("Logplex-Drain-Token", token, "Logplex-Frame-Id", "-"), logplextest.Body(t, "N3"))
		requests := stored(t, conn)
		return requests[len(requests)-1], status
	}
	reload := func(mode string, drains ...config.Drain) {
		t.Helper()
		c := settings()
		c.Drains, c.Ingest.Logplex.UnknownDrains = drains, mode
		commit, err := i.Reload(c)
		if err != nil {
			t.Fatal(err)
		}
		commit()
	}
	began := time.Now()
	if r, status := post(known); status != 204 || len(r.GetMarks()) > 0 {
		t.Errorf("a listed drain: answered %d, marked %v", status, r.GetMarks())
	}
	if e := i.ExpectedDrains(); len(e) != 2 || e[0].Token != known || e[0].LastSeen.Before(began) || e[1] != (ingest.ExpectedDrain{Token: "d.silent"}) {
		t.Errorf("expected are %+v", e)
	}
	if r, status := post(fresh); status != 204 || fmt.Sprint(r.GetMarks()) != "[unknown_drain]" {
		t.Errorf("another: answered %d, marked %v", status, r.GetMarks())
	}
	if u := i.UnknownDrains(); len(u) != 1 || u[0].Token != fresh || u[0].Frames != 2 || u[0].Credential != "team_a" {
		t.Errorf("unknown are %+v", u)
	}
	reload(config.RejectDrains, c.Drains...)
	if e := i.ExpectedDrains(); len(e) != 2 || e[0].LastSeen.Before(began) {
		t.Errorf("expected are %+v after a reload", e)
	}
	if _, status := post(fresh); status != 403 || i.Counts().Unlisted.Load() != 1 {
		t.Errorf("answered %d, counted %d, when unknown drains are rejected", status, i.Counts().Unlisted.Load())
	}
	reload("", append(c.Drains, config.Drain{Token: fresh})...)
	if r, status := post(fresh); status != 204 || len(r.GetMarks()) > 0 || len(i.UnknownDrains()) > 0 {
		t.Errorf("answered %d, marked %v, unknown %v, when it is listed", status, r.GetMarks(), i.UnknownDrains())
	}
	reload("")
	if r, status := post("d.third"); status != 204 || len(r.GetMarks()) > 0 || len(i.UnknownDrains()) > 0 {
		t.Errorf("answered %d, marked %v, unknown %v, when none is listed", status, r.GetMarks(), i.UnknownDrains())
	}
}
