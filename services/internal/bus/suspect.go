package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drainline/drainline/proto/wire"
)

const (
	// A message delivered more often than this without an answer is processed
	// alone; if that gives no answer either, it is a dead letter.
	suspectAfter = 5

	// noteTime bounds the writing and reading of one note.
	noteTime = 5 * time.Second
)

// ReasonCrashes is the reason code of a message that was delivered again and
// again without an answer, the last time alone: whoever takes it dies of it.
const ReasonCrashes = "crashes_consumer"

// What the stream of suspects says of a message. JetStream counts deliveries,
// but a process that dies takes everything it held with it: only a note tells
// the message it died of from those that were beside it.
const (
	noteTried    = "tried"    // handed out alone; stays if the process dies of it
	noteSurvived = "survived" // the process outlived it, whatever it answered
)

// isSuspect: what has no stage only moves messages, so none can harm it.
func (k *Consumer) isSuspect(d *Delivery) bool {
	if k.o.Stage == "" {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return d.Attempts > suspectAfter && !k.released.has(d.ID)
}

// try hands d out when nothing else is in hand and waits until it is settled. A
// message that was tried so before, and nobody survived, is buried instead; one
// that somebody may be trying still, with his connection away, is put off.
func (k *Consumer) try(ctx context.Context, d *Delivery) {
	k.log.Warn("message was delivered without an answer before, processing it alone", "id", d.ID, "attempts", d.Attempts)
	if !k.awaitEmpty(ctx) {
		return
	}
	note, age, err := k.readNote(ctx, d)
	if err == nil && note == noteTried {
		if left := 2*k.serverWait() - age; left > 0 {
			k.putOff(d, left)
		} else {
			k.bury(ctx, d)
		}
		return
	}
	if err == nil {
		err = k.writeNote(ctx, d, noteTried)
	}
	if err != nil {
		k.log.Error("nothing is noted of a suspect: if the process dies of it, it will again", "id", d.ID, "error", err)
	}
	if k.handOut(ctx, d) {
		k.awaitEmpty(ctx)
	}
	k.mu.Lock()
	acked := k.acked.has(d.ID)
	k.mu.Unlock()
	if acked {
		return
	}
	if err := k.writeNote(context.WithoutCancel(ctx), d, noteSurvived); err != nil {
		k.log.Error("nothing is noted of a suspect: it will be a dead letter when it comes again", "id", d.ID, "error", err)
	}
}

// serverWait is the AckWait of the durable, after which the server gives a held
// message to somebody else when it hears nothing of its holder.
func (k *Consumer) serverWait() time.Duration {
	if wait := time.Duration(k.served.Load()); wait > 0 {
		return wait
	}
	return AckWait
}

// putOff gives a suspect back, which it stays.
func (k *Consumer) putOff(d *Delivery, delay time.Duration) {
	if k.forget(d, nil) {
		k.answer("put off", d.msg.NakWithDelay(min(delay, 2*k.serverWait())))
	}
}

// bury makes a dead letter of a message that nobody survives.
func (k *Consumer) bury(ctx context.Context, d *Delivery) {
	err := k.conn.Dead(ctx, d.Dead(k.o.Stage, ReasonCrashes,
		fmt.Sprintf("delivered %d times, the last time alone, and never answered", d.Attempts-1)))
	if err != nil {
		if ctx.Err() == nil {
			k.log.Error("dead letter is not stored, the message stays on the bus", "id", d.ID, "error", err)
			k.putOff(d, k.serverWait())
		}
		return
	}
	k.log.Error("message is now a dead letter", "reason", ReasonCrashes, "id", d.ID)
	if k.o.Buried != nil {
		k.o.Buried(context.WithoutCancel(ctx), d) // nobody else will come to it
	}
	d.Ack()
}

// readNote returns the last note of d, if there is one, and its age.
func (k *Consumer) readNote(ctx context.Context, d *Delivery) (note string, age time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	s, err := k.conn.js.Stream(ctx, k.conn.names.SuspectStream())
	if err != nil {
		return "", 0, fmt.Errorf("stream %s: %w", k.conn.names.SuspectStream(), err)
	}
	m, err := s.GetLastMsgForSubject(ctx, k.conn.names.SuspectSubject(k.o.Stage, d.ID))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("stream %s: %w", k.conn.names.SuspectStream(), err)
	}
	return string(m.Data), time.Since(m.Time), nil
}

func (k *Consumer) writeNote(ctx context.Context, d *Delivery, note string) error {
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	return k.conn.Publish(ctx, Msg{
		ID: wire.RandomID(), Subject: k.conn.names.SuspectSubject(k.o.Stage, d.ID), Payload: []byte(note),
	})
}
