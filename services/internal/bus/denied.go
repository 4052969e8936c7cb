package bus

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// askers are those who wait for answers that do not come when the server denies the question.
type askers struct {
	mu      sync.Mutex
	waiting map[*asker]struct{}
}

type asker struct {
	subject string // quoted, as denials have it
	give    context.CancelCauseFunc
}

// Administer calls f, which asks the server something on a subject, with a context that ends when
// the server denies that: nobody would answer. It fails with ErrDenied then.
func (c *Conn) Administer(ctx context.Context, subject string, f func(context.Context) error) error {
	ctx, give := context.WithCancelCause(ctx)
	defer give(nil)
	a := &asker{subject: strconv.Quote(subject), give: give}
	c.askers.add(a)
	defer c.askers.remove(a)
	err := f(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrDenied) {
		return context.Cause(ctx) //nolint:wrapcheck // it is ErrDenied
	}
	return err
}

func (a *askers) add(one *asker) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = map[*asker]struct{}{}
	}
	a.waiting[one] = struct{}{}
}

func (a *askers) remove(one *asker) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, one)
}

// deny ends the waiting for what was denied.
func (a *askers) deny(err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for one := range a.waiting {
		if strings.Contains(err.Error(), one.subject) {
			one.give(ErrDenied)
		}
	}
}
