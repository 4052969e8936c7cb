// Package outcome reads what a trial of rules gives.
package outcome

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/logplex"
	"github.com/drainline/drainline/services/transform"
)

// App is whose an event is: its indexed field heroku_app, or else what its request says.
func App(b *wire.Batch, e *wire.Event) string {
	for i := range e.Fields {
		var app string
		if e.Fields[i].Name == "heroku_app" && json.Unmarshal(e.Fields[i].JSON, &app) == nil {
			return app
		}
	}
	return b.Origins[e.Origin].App
}

// Dead counts dead letters by their reason: the frames, envelopes, lines and events that
// are in them.
func Dead(out *transform.TrialOutput) (map[string]int, error) {
	counts := map[string]int{}
	for _, letter := range out.Dead {
		n, err := held(letter)
		if err != nil {
			return nil, fmt.Errorf("dead letter %s: %w", letter.GetReason(), err)
		}
		counts[letter.GetReason()] += n
	}
	return counts, nil
}

func held(letter *drainlinev1.DeadBlock) (int, error) {
	switch letter.GetContent() {
	case drainlinev1.Content_CONTENT_RAW_BLOCK:
		var block drainlinev1.RawBlock
		if err := proto.Unmarshal(letter.GetOriginal(), &block); err != nil {
			return 0, err //nolint:wrapcheck // wrapped by Dead
		}
		n := 0
		for _, r := range block.GetRequests() {
			n += inRequest(r)
		}
		return n, nil
	case drainlinev1.Content_CONTENT_EVENT_BATCH:
		var batch wire.Batch
		err := wire.ScanBatch(letter.GetOriginal(), &batch)
		return len(batch.Events), err
	default:
		return 1, nil
	}
}

// inRequest is at least one: what is broken is one thing, whatever it was meant to be.
func inRequest(r *drainlinev1.Request) int {
	n := 0
	switch r.GetEncoding() {
	case drainlinev1.Encoding_ENCODING_FRAMES:
		n, _, _ = logplex.Check(r.GetBody())
	case drainlinev1.Encoding_ENCODING_HEC_EVENTS:
		for in := hec.NewScanner(r.GetBody(), hec.Limits{MaxEvent: wire.MaxDecoded}); in.Next(); {
			n++
		}
	case drainlinev1.Encoding_ENCODING_HEC_RAW:
		for range hec.Lines(r.GetBody()) {
			n++
		}
	}
	return max(1, n)
}
