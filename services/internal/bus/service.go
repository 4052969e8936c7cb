package bus

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/drainline/drainline/proto/wire"
)

const (
	// statusEndpoint is the endpoint's name in what `nats micro info` shows.
	statusEndpoint = "status"
	// Questions that wait for an answer; more are not answered.
	maxQuestions, maxQuestionBytes = 64, 64 << 10
	// plainAnswer is the size from which an answer is compressed, in bytes. One that people
	// ask for with `nats request` is mostly smaller.
	plainAnswer = 256 << 10
	// maxAnswer leaves room for headers in what every server takes.
	maxAnswer = wire.ServerPayload - 4<<10

	headerEncoding = "Content-Encoding"
	encodingS2     = "s2"
	// discovery is where the services of NATS answer.
	discovery = "$SRV."
)

// Service is how a service shows itself to NATS' service discovery (`nats micro ls`).
type Service struct {
	// Name of letters, digits and dashes.
	Name string
	// Version as the build has it; what is no semantic version is shown as 0.0.0 with it behind.
	Version     string
	Description string
	Metadata    map[string]string
	// Answer, unless nil, says how the process is, as JSON. It is called one at a time, for
	// whoever asks at wire.Names.StatusSubject.
	Answer func() []byte
}

// Serve shows a service until stop is called, also after reconnects. Where the bus denies
// that, nothing else is the worse for it, and it is logged once.
func (c *Conn) Serve(s Service) (stop func() error, err error) {
	service, err := micro.AddService(c.nc, micro.Config{
		Name: s.Name, Version: semantic(s.Version), Description: s.Description, Metadata: s.Metadata, QueueGroupDisabled: true,
	})
	if err != nil {
		return nil, fmt.Errorf("bus: service %s: %w", s.Name, err)
	}
	if s.Answer != nil {
		err = service.AddEndpoint(statusEndpoint, micro.HandlerFunc(func(r micro.Request) { c.answer(r, s.Answer()) }),
			micro.WithEndpointSubject(c.names.StatusSubject()), micro.WithEndpointPendingLimits(maxQuestions, maxQuestionBytes))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bus: service %s: %w", s.Name, err), service.Stop())
	}
	return func() error {
		err := service.Stop()
		if err == nil && !c.Away() {
			err = c.nc.FlushTimeout(time.Second) // the server knows then, and asks it no more
		}
		if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			return fmt.Errorf("bus: service %s: %w", s.Name, err)
		}
		return nil
	}, nil
}

// answer sends what fits, or says that it does not.
func (c *Conn) answer(r micro.Request, content []byte) {
	var options []micro.RespondOpt
	if len(content) > plainAnswer {
		content = s2.Encode(nil, content)
		options = append(options, micro.WithHeaders(micro.Headers{headerEncoding: {encodingS2}}))
	}
	var err error
	if len(content) > maxAnswer {
		err = r.Error("500", fmt.Sprintf("the status takes %d bytes, which is more than fits: ask at admin.listen", len(content)), nil)
	} else {
		err = r.Respond(content, options...)
	}
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) && c.unanswered.Due() {
		c.log.Warn("somebody who asked how this process is could not be answered", "error", err)
	}
}

// version is a semantic version as its specification has it.
var version = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)

// notVersion is what may not stand behind the plus of a semantic version.
var notVersion = regexp.MustCompile(`[^0-9A-Za-z-]+`)

// semantic is a version as NATS wants it.
func semantic(build string) string {
	if v := strings.TrimPrefix(build, "v"); version.MatchString(v) {
		return v
	}
	if build = strings.Trim(notVersion.ReplaceAllString(build, "-"), "-"); build == "" {
		return "0.0.0"
	}
	return "0.0.0+" + build
}

// optional tells of a denial whether all that matters works without: to show oneself and
// to answer those who ask.
func (c *Conn) optional(denied string) bool {
	for _, what := range []string{`Subscription to "` + discovery, `Subscription to "` + c.names.StatusSubject() + `"`, `Publish to "` + wire.InboxPrefix(Operator) + "."} {
		if strings.Contains(denied, what) {
			return true
		}
	}
	return false
}
