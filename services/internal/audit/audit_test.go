package audit_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/audit"
	"github.com/drainline/drainline/services/internal/bus"
	"github.com/drainline/drainline/services/internal/bustest"
)

func records(t *testing.T, c *bus.Conn, since time.Time) ([]*drainlinev1.AuditRecord, error) {
	t.Helper()
	var all []*drainlinev1.AuditRecord
	err := audit.Read(t.Context(), c, since, func(r *drainlinev1.AuditRecord) error {
		all = append(all, r)
		return nil
	})
	return all, err
}

func TestDeedsAreKeptInTheirOrder(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.Config(t, nil))
	c := b.Connect("operator")
	before := time.Now()
	ended, end := context.WithCancel(t.Context())
	end()
	for _, d := range []struct {
		ctx  context.Context
		deed audit.Deed
	}{
		{t.Context(), audit.Deed{Action: audit.ActionTap, Filter: "raw --app web", Configuration: "abc"}},
		{t.Context(), audit.Deed{Action: audit.ActionDeadPurge, Count: 3, Err: errors.New("gone\xff")}},
		{ended, audit.Deed{Action: audit.ActionDeadReplay, Filter: strings.Repeat("x", 1<<20)}},
	} {
		if err := audit.Record(d.ctx, c, d.deed); err != nil {
			t.Fatal(err)
		}
	}
	got, err := records(t, c, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got {
		if at := time.Unix(0, r.GetAtNs()); at.Before(before) || at.After(time.Now()) {
			t.Errorf("%s at %v", r.GetAction(), at)
		}
		if who, where, ok := strings.Cut(r.GetOperator(), "@"); !ok || who == "" || where != host {
			t.Errorf("%s by %q", r.GetAction(), r.GetOperator())
		}
		r.AtNs, r.Operator = 0, ""
	}
	want := []*drainlinev1.AuditRecord{
		{Action: "tap", Filter: "raw --app web", Configuration: "abc"},
		{Action: "dead purge", Count: 3, Error: "gone\uFFFD"},
		{Action: "dead replay", Filter: strings.Repeat("x", 4<<10)},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if late, err := records(t, c, time.Now().Add(time.Hour)); err != nil || len(late) > 0 {
		t.Errorf("%d records from the future: %v", len(late), err)
	}
}

func TestARecordThatCannotBeReadHidesNoOther(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.Config(t, nil))
	c := b.Connect("operator")
	damaged := bus.Msg{ID: wire.RandomID(), Subject: c.Names().AuditSubject(), Payload: []byte("no record")}
	if err := c.Publish(t.Context(), damaged); err != nil {
		t.Fatal(err)
	}
	if err := audit.Record(t.Context(), c, audit.Deed{Action: audit.ActionReload}); err != nil {
		t.Fatal(err)
	}
	got, err := records(t, c, time.Time{})
	if len(got) != 1 || err == nil || !strings.Contains(err.Error(), "record 1 cannot be read") {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWhatCannotBeRecordedIsTold(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.Config(t, nil))
	c := b.Connect("operator")
	if err := c.JetStream().DeleteStream(t.Context(), c.Names().AuditStream()); err != nil {
		t.Fatal(err)
	}
	err := audit.Record(t.Context(), c, audit.Deed{Action: audit.ActionTap})
	if err == nil || !strings.Contains(err.Error(), "drainline streams apply") {
		t.Errorf("%v", err)
	}
}
