package bus

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/drainline/drainline/config"
)

// newKey makes an nkey of a user.
func newKey(t *testing.T) (seed config.Secret, public string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return config.Secret(secret), public
}

// seedIs is a source of one seed.
func seedIs(seed config.Secret) func() (config.Secret, error) {
	return func() (config.Secret, error) { return seed, nil }
}

func TestConnectWithNkeySaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	seed, public := newKey(t)
	stranger, _ := newKey(t)
	locked := startServer(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })
	open := startServer(t)
	for _, c := range []struct {
		name, url string
		seed      func() (config.Secret, error)
		want      string // empty is a connection
	}{
		{"right", locked.url(), seedIs(seed), ""},
		{"none is needed", open.url(), seedIs(""), ""},
		{"stranger", locked.url(), seedIs(stranger), "the NATS server refuses the credentials: correct bus.nkey"},
		{"none", locked.url(), seedIs(""), "the NATS server refuses the credentials: correct bus.nkey"},
		{"no users", open.url(), seedIs(seed), "the NATS server knows no users with nkeys: give it some or leave out bus.nkey"},
		{"no seed", locked.url(), seedIs(seed[:len(seed)-1] + "!"), "bus.nkey: a character of the seed is wrong"},
		{"no file", locked.url(), func() (config.Secret, error) { return "", errors.New("it is gone") }, ": it is gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := testOptions(c.url)
			o.Seed = c.seed
			if c.want != "" {
				o.ConnectTimeout = 300 * time.Millisecond
			}
			conn, err := Connect(t.Context(), o)
			if err == nil {
				conn.Close()
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got  %v\nwant %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), seed.Reveal()[2:]) {
				t.Errorf("the seed is shown: %v", err)
			}
		})
	}
}

// Whoever changes a key gives the server the new one and writes it into the file, in
// either order.
func TestReconnectReadsTheNkeyAgain(t *testing.T) {
	t.Parallel()
	first, firstPublic := newKey(t)
	second, secondPublic := newKey(t)
	s := startServer(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: firstPublic}} })
	var current atomic.Pointer[config.Secret]
	var reads atomic.Int64
	current.Store(&first)
	o := testOptions(s.url())
	o.Seed = func() (config.Secret, error) {
		reads.Add(1)
		seed := *current.Load()
		if seed == "" {
			return "", errors.New("it is gone")
		}
		return seed, nil
	}
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)

	s.stop()
	s.opts.Nkeys = []*server.NkeyUser{{Nkey: secondPublic}}
	s.start()
	seen := reads.Load()
	eventually(t, "the first key is tried several times", func() bool { return reads.Load() >= seen+4 })
	if c.Healthy() == nil {
		t.Fatal("connected with a key that the server does not know")
	}
	none := config.Secret("")
	current.Store(&none)
	seen = reads.Load()
	eventually(t, "it tries without a file", func() bool { return reads.Load() >= seen+4 })
	current.Store(&second)
	eventually(t, "it is back with the second key", func() bool { return c.Healthy() == nil })
	if user, err := c.User(soon(t)); err != nil || user != secondPublic {
		t.Errorf("the server knows %q, %v", user, err)
	}
}
