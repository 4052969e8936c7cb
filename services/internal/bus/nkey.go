package bus

import (
	"fmt"
	"net"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/drainline/drainline/config"
)

// identity proves to a server who connects, by an nkey. nats.go takes a public key once and
// for all connections, so this is also what dials: before each connection it looks whether
// there is another key now, and has it used.
type identity struct {
	seed func() (config.Secret, error)
	conn atomic.Pointer[nats.Conn] // nil while the first connection is made

	// What follows is used while nats.go connects, which it does one at a time.
	dialer net.Dialer
	pair   nkeys.KeyPair
	public string
}

// newIdentity is nil where there is no nkey to use.
func newIdentity(o Options) (*identity, error) {
	if o.Seed == nil || o.InProcess != nil {
		return nil, nil //nolint:nilnil // none is a good answer
	}
	i := &identity{seed: o.Seed, dialer: net.Dialer{Timeout: nats.DefaultTimeout}}
	if err := i.read(); err != nil {
		return nil, err
	}
	if i.pair == nil {
		return nil, nil //nolint:nilnil // none is a good answer
	}
	return i, nil
}

// read takes the key that there is now.
func (i *identity) read() error {
	seed, err := i.seed()
	if err != nil || seed == "" {
		return err
	}
	pair, err := nkeys.FromSeed([]byte(seed.Reveal()))
	if err != nil {
		return fmt.Errorf("bus.nkey: a character of the seed is wrong, its checksum does not match: copy it again: %w", err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return fmt.Errorf("bus.nkey: %w", err)
	}
	i.pair, i.public = pair, public
	return nil
}

func (i *identity) options() []nats.Option {
	return []nats.Option{nats.Nkey(i.public, i.sign), nats.SetCustomDialer(i)}
}

func (i *identity) sign(nonce []byte) ([]byte, error) {
	return i.pair.Sign(nonce) //nolint:wrapcheck // an error of a valid pair is the system's
}

// Dial is called by nats.go with its lock held, before it asks for the public key.
func (i *identity) Dial(network, address string) (net.Conn, error) {
	if nc := i.conn.Load(); nc != nil {
		if err := i.read(); err != nil {
			return nil, err
		}
		nc.Opts.Nkey = i.public
	}
	return i.dialer.Dial(network, address) //nolint:wrapcheck // nats.go says where, and gives no context
}
