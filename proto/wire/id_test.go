package wire_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/drainline/drainline/proto/wire"
)

// Ids are a contract: instances of different versions recognise the same request
// by them, and streams the same batch.
func TestIDsArePinned(t *testing.T) {
	t.Parallel()
	id := wire.ID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	for _, c := range []struct {
		name string
		got  wire.ID
		want string
	}{
		{"id", id, "000102030405060708090a0b0c0d0e0f"},
		{"request", wire.RequestID("team_a", "d.1", "frame"), "19c66fa39caeceb309422f45eaad7824"},
		{"request without anything", wire.RequestID("", "", ""), "f1aff5d1b8d574f1d1b009595a64e5af"},
		{"shuttle", wire.ShuttleRequestID("team_a", "request", []byte("body")), "04bb30f05c65185130845c143e9ef90c"},
		{"shuttle without a body", wire.ShuttleRequestID("team_a", "request", nil), "135ef72e9c9a77c00c5c6ccf467dd3ee"},
		{"loss", wire.LossID(id, []byte("L10")), "1b0029fc5d1d0347c6c3dccad6eb737a"},
		{"part", wire.PartID(id, 0), "fdd19f2b039fec37390f28cfa2a7feb2"},
		{"another part", wire.PartID(id, 258), "33748da850aa639adad2a5d1fcbdbafb"},
		{"batch", wire.BatchID(id, "splunk", 0, 199), "3bde8ca63477fbde1c4705ba56437688"},
		{"half a batch", wire.BatchID(id, "splunk", 100, 199), "2a2cfe1a25df206d7b23878e7c13c9d6"},
		{"dead", wire.DeadID(id, wire.StageTransform, "bad_frame"), "4e73d6819d818a5de46b77015c255c08"},
		{"payload", wire.PayloadID([]byte("payload")), "1107c4595fd4f7ffd027093de7bc4c64"},
		{"no payload", wire.PayloadID(nil), "e436206c077c09bd3e1a2a8d71ab0440"},
	} {
		if got := c.got.String(); got != c.want {
			t.Errorf("%s: %s instead of %s", c.name, got, c.want)
		}
	}
}

// No two lists of parts give the same id, wherever the border between them is.
func TestIDsTellPartsApart(t *testing.T) {
	t.Parallel()
	part := rapid.OneOf(rapid.StringMatching(`[ab]{0,3}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		a := [3]string{part.Draw(t, "a"), part.Draw(t, "b"), part.Draw(t, "c")}
		b := [3]string{part.Draw(t, "d"), part.Draw(t, "e"), part.Draw(t, "f")}
		if got := wire.RequestID(a[0], a[1], a[2]) == wire.RequestID(b[0], b[1], b[2]); got != (a == b) {
			t.Fatalf("%q and %q: same is %v", a, b, got)
		}
		joined := strings.Join(a[:], "")
		cut := rapid.IntRange(0, len(joined)).Draw(t, "cut")
		moved := [3]string{joined[:cut], joined[cut:], ""}
		if got := wire.RequestID(a[0], a[1], a[2]) == wire.RequestID(moved[0], moved[1], moved[2]); got != (a == moved) {
			t.Fatalf("%q and %q: same is %v", a, moved, got)
		}
	})
}

func TestIDsOfDifferentKindsDiffer(t *testing.T) {
	t.Parallel()
	var none wire.ID
	seen := map[wire.ID]string{}
	for name, id := range map[string]wire.ID{
		"request": wire.RequestID("", "", ""), "shuttle": wire.ShuttleRequestID("", "", nil), "loss": wire.LossID(none, nil),
		"part": wire.PartID(none, 0), "batch": wire.BatchID(none, "", 0, 0), "dead": wire.DeadID(none, "", ""), "payload": wire.PayloadID(nil), "replay": wire.ReplayID(none, 0, ""),
		"a letter that died later": wire.ReplayID(none, 1, ""), "a letter that was changed": wire.ReplayID(none, 0, "x"),
		"parts are numbered": wire.PartID(none, 1), "first and last frame": wire.BatchID(none, "", 1, 0), "last and first": wire.BatchID(none, "", 0, 1),
		"random": wire.RandomID(), "random again": wire.RandomID(),
	} {
		if other, ok := seen[id]; ok || id.IsZero() {
			t.Errorf("%s and %s are both %v", name, other, id)
		}
		seen[id] = name
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := wire.ToID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		if got, ok := wire.ParseID(id.String()); !ok || got != id {
			t.Fatalf("%v became %v, %v", id, got, ok)
		}
	})
	for _, bad := range []string{"", "00", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("g", 32), strings.Repeat("0", 34), " " + strings.Repeat("0", 31)} {
		if _, ok := wire.ParseID(bad); ok {
			t.Errorf("%q is an id", bad)
		}
	}
	if id := wire.ToID(make([]byte, 15)); !id.IsZero() {
		t.Errorf("15 bytes are %v", id)
	}
	if id := wire.ToID([]byte("17 bytes are many")); !id.IsZero() {
		t.Errorf("17 bytes are %v", id)
	}
}
