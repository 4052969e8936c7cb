package rules

import (
	"encoding/binary"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/condition"
	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// RateField is the indexed field of an event that was kept of several: of how many.
const RateField = "sample_rate"

// sample keeps one of rate events.
type sample struct {
	rate uint64
	// key makes the text that decides; nil, or an empty text, takes each event by itself.
	key *condition.Template
	// salt is the rule's name: rules that take each event by itself choose independently.
	salt string
}

func (k *compiler) sample(c *config.Rule) *sample {
	if c.Sample.Rate == 0 {
		return nil
	}
	return &sample{rate: uint64(c.Sample.Rate), key: k.expression("sample.key", c.Sample.Key), salt: c.Name}
}

// sample says whether the event is kept, and notes in it of how many. It is xxHash64 of
// the key that decides, whose multiples of the rate are kept: the same on every instance.
func (r *Runner) sample(e *event.Event, s *sample) (kept bool, err error) {
	begin := len(r.memory)
	var key []byte
	if s.key != nil {
		if key, err = r.render(e, s.key); err != nil {
			return false, failedIn("sample.key", err)
		}
	}
	if len(key) == 0 {
		r.memory = append(append(r.memory, s.salt...), e.Request.GetId()...)
		r.memory = binary.LittleEndian.AppendUint32(r.memory, e.Number)
		key = r.made(begin)
	}
	kept = xxhash.Sum64(key)%s.rate == 0
	r.memory = r.memory[:begin]
	if kept {
		r.memory = strconv.AppendUint(r.memory, s.rate*rateOf(e), 10)
		setField(e, RateField, r.made(begin))
	}
	return kept, nil
}

// rateOf is of how many events this one was kept before, by a rule or by its sender.
func rateOf(e *event.Event) uint64 {
	const most = 1e12 // the product with any rate fits
	at := indexOf(e.Fields, RateField)
	if at < 0 {
		return 1
	}
	n, err := strconv.ParseUint(fields.Alias(e.Fields[at].JSON), 10, 64)
	if err != nil || n == 0 || n > most {
		return 1
	}
	return n
}
