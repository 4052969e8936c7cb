package wire_test

import (
	"testing"
	"time"

	"github.com/drainline/drainline/proto/wire"
)

// Names are a contract between services, and with whoever grants permissions.
func TestNamesArePinned(t *testing.T) {
	t.Parallel()
	n := wire.Names{Prefix: "drainline"}
	hour := time.Date(2026, time.November, 24, 1, 59, 0, 0, time.FixedZone("", 2*60*60)) // books are of hours in UTC
	for _, c := range []struct{ got, want string }{
		{wire.Shard(0), "s0"},
		{wire.Shard(12), "s12"},
		{n.RawStream("s0"), "drainline_raw_s0"},
		{n.RawSubject("s0"), "drainline.raw.s0"},
		{n.EventsStream("splunk"), "drainline_events_splunk"},
		{n.EventsSubject("splunk"), "drainline.events.splunk"},
		{n.EventsSubjects(), "drainline.events.>"},
		{n.DeadStream(), "drainline_dead"},
		{n.DeadSubject(wire.StageTransform, "bad_frame"), "drainline.dead.transform.bad_frame"},
		{n.DeadSubjects(), "drainline.dead.>"},
		{n.SuspectStream(), "drainline_suspects"},
		{n.SuspectSubject(wire.StageShipper, wire.ID{0xab}), "drainline.suspects.shipper.ab000000000000000000000000000000"},
		{n.SuspectSubjects(), "drainline.suspects.>"},
		{n.SeenSubject(), "drainline.seen"},
		{n.LedgerStream(), "drainline_ledger"},
		{n.LedgerSubject(hour, wire.StageShipper, "a1", 2), "drainline.ledger.2026112323.shipper.a1.2"},
		{n.LedgerSubjects(), "drainline.ledger.>"},
		{n.AuditStream(), "drainline_audit"},
		{n.AuditSubject(), "drainline.audit"},
		{n.StatusSubject(), "drainline.status"},
		{n.Subjects(), "drainline.>"},
		{wire.TransformConsumer, "transform"},
		{wire.ShipperConsumer, "shipper"},
		{wire.ForwardConsumer, "forward"},
		{wire.SpoolStream, "spool"},
		{n.RawSubjects(), "drainline.raw.>"},
		{wire.HeaderMsgID, "Nats-Msg-Id"},
		{wire.HeaderTraceparent, "traceparent"},
		{wire.HeaderTracestate, "tracestate"},
	} {
		if c.got != c.want {
			t.Errorf("%s instead of %s", c.got, c.want)
		}
	}
}
