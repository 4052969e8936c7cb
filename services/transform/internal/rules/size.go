package rules

import (
	"fmt"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
)

const (
	// maxEvent bounds an event that a rule has made larger, in bytes as it is encoded. It
	// can be published alone even if it does not compress: what is left to wire.MaxPayload
	// has room for the rest of its batch, for host, source, sourcetype and index, which
	// are not counted again when rules set them, and for the notes of rules that failed.
	maxEvent = wire.MaxPayload - 64<<10
	// maxMade bounds what all rules together make of one event, in bytes: an event of the
	// largest size can be made anew by 36 rules.
	maxMade = 32 << 20
)

var (
	tooMuch = fmt.Sprintf("makes an event of more than %d KiB, or with the rules before it more than %d MiB of one event",
		maxEvent>>10, maxMade>>20)
	errTooMuch = failed("", tooMuch)
)

// size is what the event takes at most when it is encoded, in bytes.
func size(e *event.Event) int {
	const (
		numbers = 40 // the event's own length, time, origin, facility and severity
		text    = 6  // tag and length
		field   = 16 // the same of a field, its name and its value
	)
	n := numbers + 10*text + len(e.Text) + len(e.JSON) + len(e.Host) + len(e.Source) + len(e.Sourcetype) + len(e.Index) +
		len(e.Kind) + len(e.Code) + len(e.Dyno) + len(e.Process)
	for i := range e.Fields {
		n += field + len(e.Fields[i].Name) + len(e.Fields[i].JSON)
	}
	return n
}
