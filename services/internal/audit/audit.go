// Package audit keeps what people do to events and streams: who, what, to how many. It
// keeps honest people's memory; who may use the bus in other ways can get round it.
package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// What is recorded.
const (
	ActionTap           = "tap"
	ActionTapEnd        = "tap end"
	ActionDeadShow      = "dead show"
	ActionDeadReplay    = "dead replay"
	ActionDeadReplayEnd = "dead replay end"
	ActionDeadPurge     = "dead purge"
	ActionDeadPurgeEnd  = "dead purge end"
	ActionApply         = "streams apply"
	ActionReload        = "reload"
)

const (
	// patience is for one record, of which userPatience is for who does it.
	patience     = 5 * time.Second
	userPatience = time.Second
	// maxText bounds a filter and an error, in bytes.
	maxText = 4 << 10
)

// Deed is something that somebody did.
type Deed struct {
	// Action is one of the above.
	Action string
	// Filter is what it was limited to, as it was typed; empty for everything.
	Filter string
	// Count is how many events, letters or streams it concerned.
	Count int
	// Configuration is the SHA of the configuration that was in force.
	Configuration string
	// Err is what went wrong, nil if nothing did.
	Err error
}

// Record keeps a deed with the time, the NATS user and who runs this process where. It
// is stored when Record returns nil, which takes five seconds at most, also where ctx has
// ended: a deed that was broken off is one.
func Record(ctx context.Context, c *bus.Conn, d Deed) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	r := &drainlinev1.AuditRecord{
		AtNs: time.Now().UnixNano(), Action: d.Action, User: natsUser(ctx, c), Operator: operator(),
		Filter: bounded(d.Filter), Count: int64(d.Count), Configuration: d.Configuration,
	}
	if d.Err != nil {
		r.Error = bounded(d.Err.Error())
	}
	message, err := proto.Marshal(r)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	err = c.Publish(ctx, bus.Msg{ID: wire.RandomID(), Subject: c.Names().AuditSubject(), Payload: wire.Seal(nil, message)})
	if err != nil {
		return fmt.Errorf("audit: no record of %s could be stored: make its stream with `drainline streams apply`, and allow the NATS user to publish to %s: %w",
			d.Action, c.Names().AuditSubject(), err)
	}
	return nil
}

// natsUser is empty where the server does not say.
func natsUser(ctx context.Context, c *bus.Conn) string {
	ctx, cancel := context.WithTimeout(ctx, userPatience)
	defer cancel()
	name, err := c.User(ctx)
	if err != nil {
		return "" // that somebody may not ask must not keep his deeds from being known
	}
	return bounded(name)
}

// operator is who runs this process and where, as far as the system knows.
func operator() string {
	name := strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return bounded(name)
}

// bounded is text as protobuf can hold it, and no more of it than is of use.
func bounded(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "\uFFFD")
}

// Read calls f with what was recorded since then, oldest first, until f returns an error.
// What cannot be read is passed over, and told once all others have been.
func Read(ctx context.Context, c *bus.Conn, since time.Time, f func(*drainlinev1.AuditRecord) error) error {
	var unreadable []error
	err := c.Read(ctx, bus.ReadOptions{Stream: c.Names().AuditStream(), Since: since}, func(k *bus.Kept) error {
		r := &drainlinev1.AuditRecord{}
		message, err := wire.Open(nil, k.Payload)
		if err == nil {
			err = proto.Unmarshal(message, r)
		}
		if err != nil {
			unreadable = append(unreadable[:0], fmt.Errorf("record %d cannot be read: %w", k.Sequence, err))
			return nil
		}
		return f(r)
	})
	return errors.Join(append(unreadable, err)...)
}
