package bus

import (
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ack is what the server reads in an acknowledgement (NATS ADR-13).
const ack = "+ACK"

// lastAcks are the newest acknowledgements of a durable, as many as the server may not
// have processed when a connection ends: no more than messages may be pending.
//
// They are repeated with the next connection. One that was lost on the way would otherwise
// bring its message again after AckWait, perhaps to an instance that does not know it. And
// a server that stops can note an acknowledgement without removing the message: alone it
// then keeps that in its work queue for good, unless it is acknowledged once more
// (nats-server 2.15.2: only streams by interest are looked through at start).
type lastAcks struct {
	mu       sync.Mutex
	subjects []string // a ring once it is full
	oldest   int
	most     int

	connects int64     // the connection that they went to, at the earliest
	created  time.Time // the durable's; another's messages have the same numbers
}

func (a *lastAcks) add(subject string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.subjects) < a.most {
		a.subjects = append(a.subjects, subject)
		return
	}
	a.subjects[a.oldest] = subject
	a.oldest = (a.oldest + 1) % a.most
}

// repeat sends the acknowledgements of earlier connections to the durable that they are
// for.
func (a *lastAcks) repeat(c *Conn, durable *jetstream.ConsumerInfo) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	connects := c.Connects()
	if !a.created.Equal(durable.Created) {
		a.subjects, a.oldest = nil, 0
	}
	if a.connects != connects {
		for _, subject := range slices.Concat(a.subjects[a.oldest:], a.subjects[:a.oldest]) {
			if err := c.nc.Publish(subject, []byte(ack)); err != nil {
				return err //nolint:wrapcheck // by the caller
			}
		}
	}
	a.connects, a.created = connects, durable.Created
	return nil
}
