package door

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
	"github.com/drainline/drainline/services/internal/logplex"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plainAdmit is admit without care for time and memory.
func plainAdmit(secrets []string, header string) (name string, ok bool) {
	scheme, code, _ := strings.Cut(header, " ")
	user, password := code, ""
	if strings.EqualFold(scheme, "Basic") {
		pair, err := base64.StdEncoding.DecodeString(code)
		if err != nil {
			return "", false
		}
		user, password, _ = strings.Cut(string(pair), ":")
	} else if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	if len(header) > maxAuthorization {
		return "", false
	}
	for i, secret := range secrets {
		if secret == user || secret == password {
			name, ok = fmt.Sprint(i), true
		}
	}
	return name, ok
}

func FuzzAdmit(f *testing.F) {
	for _, seed := range []string{
		"", "Basic ", "Basic", "basic OnNlc2FtZQ==", "Basic c2VzYW1lOg==", "Basic eDpzZXNhbWU=", "Basic Og==", "Basic c2VzYW1l",
		"Basic !!!", "Bearer sesame", "bearer open", "Bearer", "Bearer  x", "Digest sesame", "Basic OnNlc2FtZQ", "Basic OnNlc2FtZTpzZXNhbWU=", "Basic " + strings.Repeat("A", 2000),
		"Basic OnNl\nc2FtZQ==",
	} {
		f.Add(seed)
	}
	secrets := []string{"sesame", "open", "x"}
	var s Settings
	for i, secret := range secrets {
		s.Credentials = append(s.Credentials, Credential{Name: fmt.Sprint(i), Secrets: []string{secret}})
	}
	rules := new(rules).next(s)
	f.Fuzz(func(t *testing.T, header string) {
		name, ok := "", false
		if c := rules.admit(header); c != nil {
			name, ok = c.Name, true
		}
		plain, plainOK := plainAdmit(secrets, header)
		if name != plain || ok != plainOK {
			t.Errorf("%q: %q %v, plainly %q %v", header, name, ok, plain, plainOK)
		}
	})
}

func TestHost(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "[fe80::1%eth0]:80": "fe80::1%eth0", "": "", "pipe": "pipe",
	} {
		if got := host(address); got != want {
			t.Errorf("host(%q) is %q", address, got)
		}
	}
}

// lossNotice is an L10 frame.
func lossNotice(n int) []byte {
	at := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	text := fmt.Sprintf("Error L10 (output buffer overflow): %d messages dropped since 2024-05-01T11:59:02+00:00.", n)
	return logplex.AppendFrame(nil, 172, at, "host", "heroku", "logplex", text)
}

func cutBody(id wire.ID, body []byte) []parcel.Part {
	frames, framed, _ := logplex.Check(body)
	return cut(id, body, frames, framed)
}

// Whatever a body is, its parts are the body, fit a block, have ids of their own,
// and have the same ids in a retry that begins with other notices of loss.
func TestCut(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var body []byte
		for range rapid.IntRange(1, 8).Draw(t, "frames") {
			text := bytes.Repeat([]byte("x"), rapid.IntRange(0, logplex.MaxFrame-100).Draw(t, "length"))
			body = logplex.AppendFrame(body, 190, at, "host", "app", "web.1", text)
		}
		if rapid.Bool().Draw(t, "unframed") {
			body = append(body, bytes.Repeat([]byte("0"), rapid.IntRange(1, 2*wire.MaxBlock).Draw(t, "rest"))...)
		}
		var loss []byte
		for n := range rapid.IntRange(0, 3).Draw(t, "notices") {
			loss = append(loss, lossNotice(n)...)
		}
		id := wire.RandomID()
		plain, parts := cutBody(id, body), cutBody(id, append(loss, body...))
		ids, joined, frames := map[wire.ID]bool{}, []byte(nil), 0
		for _, p := range parts {
			if len(p.Request.GetBody()) > wire.MaxBlock || ids[p.ID] || wire.ToID(p.Request.GetId()) != p.ID {
				t.Fatalf("part of %d bytes, id %v", len(p.Request.GetBody()), p.ID)
			}
			if int(p.Request.GetFirstFrame()) != frames {
				t.Fatalf("first frame %d, want %d", p.Request.GetFirstFrame(), frames)
			}
			ids[p.ID] = true
			joined = append(joined, p.Request.GetBody()...)
			frames += p.Frames
		}
		if !bytes.Equal(joined, append(loss, body...)) {
			t.Fatalf("parts have %d bytes of %d", len(joined), len(loss)+len(body))
		}
		for i, p := range plain {
			if same := parts[len(parts)-len(plain)+i]; same.ID != p.ID || !bytes.Equal(same.Request.GetBody(), p.Request.GetBody()) {
				t.Fatalf("part %d is another one with a notice before it", i)
			}
		}
		if plain[0].ID != id {
			t.Fatalf("the first part has id %v", plain[0].ID)
		}
	})
}
