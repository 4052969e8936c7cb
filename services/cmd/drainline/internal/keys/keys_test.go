package keys

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/drainline/drainline/services/internal/topology"
)

func TestMakeKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	again := func(users ...string) string {
		t.Helper()
		made, err := Make(dir, users)
		if err != nil {
			return strings.Join(made, " ") + " " + err.Error()
		}
		return strings.Join(made, " ")
	}
	if got := again("a", "b"); got != "a.nk b.nk keys.conf" {
		t.Errorf("made %q", got)
	}
	before := content(t, dir)
	if got := again("a", "b"); got != "" {
		t.Errorf("made %q again", got)
	}
	for name, text := range before {
		if got := content(t, dir)[name]; got != text {
			t.Errorf("%s is %q, was %q", name, got, text)
		}
	}
	public := before["keys.conf"]
	for _, user := range []string{"a", "b"} {
		pair, err := nkeys.FromSeed([]byte(strings.TrimSuffix(before[user+".nk"], "\n")))
		if err != nil {
			t.Fatal(err)
		}
		key, err := pair.PublicKey()
		if err != nil || !strings.Contains(public, strings.ToUpper(user)+": "+key+"\n") {
			t.Errorf("%s is not in %q, %v", user, public, err)
		}
	}
	if got := again("a", "b", "c"); !strings.HasPrefix(got, "c.nk ") || !strings.Contains(got, "keys.conf does not have the public keys") {
		t.Errorf("with another user: %q", got)
	}
	remove(t, dir, "keys.conf")
	if got := again("a", "b", "c"); got != "keys.conf" || !strings.HasPrefix(content(t, dir)["keys.conf"], public) {
		t.Errorf("made %q", got)
	}
}

func TestMakeRefusesWhatIsNoSeed(t *testing.T) {
	t.Parallel()
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := account.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "hunter2", string(seed)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.nk"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		made, err := Make(dir, []string{"a", "b"})
		if err == nil || len(made) > 0 || !strings.Contains(err.Error(), filepath.Join(dir, "a.nk")) || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: made %v, %v", text, made, err)
		}
	}
}

func TestSecretsAreTheirOwners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Make(dir, []string{"a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := MakeCertificates(dir, nil); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{
		"a.nk": 0o600, "server-key.pem": 0o600, "keys.conf": 0o644, "ca.pem": 0o644, "server.pem": 0o644,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if n := len(content(t, dir)); n != 5 {
		t.Errorf("%d files", n)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made, err := MakeCertificates(dir, []string{"nats-1", "10.1.2.3"})
	if err != nil || len(made) != 3 {
		t.Fatalf("made %v, %v", made, err)
	}
	files := content(t, dir)
	if made, err := MakeCertificates(dir, []string{"nats-2"}); err != nil || made != nil {
		t.Errorf("made %v again, %v", made, err)
	}
	pair, err := tls.X509KeyPair([]byte(files["server.pem"]), []byte(files["server-key.pem"]))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(files["ca.pem"]))
	for _, name := range []string{"nats-1", "10.1.2.3", "localhost", "127.0.0.1", "::1"} {
		for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, KeyUsages: []x509.ExtKeyUsage{use}}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: "nats-2", Roots: roots}); err == nil {
		t.Error("good for a host that was not named")
	}
	if ca, _ := pem.Decode([]byte(files["ca.pem"])); bytes.Equal(ca.Bytes, pair.Leaf.Raw) {
		t.Error("the server has the authority's certificate")
	}
	remove(t, dir, "server-key.pem")
	if made, err := MakeCertificates(dir, nil); err == nil || made != nil || !strings.Contains(err.Error(), "server-key.pem") {
		t.Errorf("made %v where a part is missing, %v", made, err)
	}
}

// Every user's key is a variable of keys.conf.
func TestPrintUsers(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := PrintUsers(&b, []topology.User{{Name: "ingest", Publish: []string{"b.$x", "a"}, Subscribe: []string{"c"}}}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "include ")
	const want = `"keys/keys.conf"

users = [
  {
    nkey: $INGEST
    permissions: {
      publish: {allow: [
        "a"
        "b.$x"
      ]}
      subscribe: {allow: [
        "c"
      ]}
    }
  }
]
`
	if got != want {
		t.Errorf("%s", got)
	}
	if err := PrintUsers(broken{}, nil); err == nil {
		t.Error("nothing is said where nothing can be printed")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("closed") }

// content is what the files of a folder hold, with those that nobody is to see.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}
