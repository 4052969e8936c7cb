package outcome

import (
	"maps"
	"testing"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform"
)

func TestApp(t *testing.T) {
	t.Parallel()
	b := wire.Batch{Origins: []wire.Origin{{App: "origin"}}}
	for value, want := range map[string]string{"": "origin", `"blog"`: "blog", "7": "origin"} {
		e := wire.Event{}
		if value != "" {
			e.Fields = []wire.Field{{Name: "other", JSON: []byte(`"x"`)}, {Name: "heroku_app", JSON: []byte(value)}}
		}
		if got := App(&b, &e); got != want {
			t.Errorf("with heroku_app %s: %s, want %s", value, got, want)
		}
	}
}

func TestDead(t *testing.T) {
	t.Parallel()
	block := func(encoding drainlinev1.Encoding, bodies ...string) *drainlinev1.DeadBlock {
		raw := &drainlinev1.RawBlock{}
		for _, body := range bodies {
			raw.Requests = append(raw.Requests, &drainlinev1.Request{Encoding: encoding, Body: []byte(body)})
		}
		original, err := proto.Marshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		return &drainlinev1.DeadBlock{Reason: "r", Content: drainlinev1.Content_CONTENT_RAW_BLOCK, Original: original}
	}
	batch := wire.AppendEvent(nil, &wire.Event{})
	batch = wire.AppendBatch(append(batch, batch...), &wire.Batch{Origins: make([]wire.Origin, 1)})
	for _, c := range []struct {
		name   string
		letter *drainlinev1.DeadBlock
		want   int
	}{
		{"frames", block(drainlinev1.Encoding_ENCODING_FRAMES, "1 x1 x", "1 x"), 3},
		{"no frames", block(drainlinev1.Encoding_ENCODING_UNFRAMED, "1 x1 x"), 1},
		{"envelopes", block(drainlinev1.Encoding_ENCODING_HEC_EVENTS, `{"event":1}{"event":2}`, "?"), 3},
		{"lines", block(drainlinev1.Encoding_ENCODING_HEC_RAW, "a\nb\n\n", "c"), 3},
		{"events", &drainlinev1.DeadBlock{Reason: "r", Content: drainlinev1.Content_CONTENT_EVENT_BATCH, Original: batch}, 2},
		{"payload", &drainlinev1.DeadBlock{Reason: "r", Content: drainlinev1.Content_CONTENT_PAYLOAD}, 1},
	} {
		got, err := Dead(&transform.TrialOutput{Dead: []*drainlinev1.DeadBlock{c.letter}})
		if err != nil || !maps.Equal(got, map[string]int{"r": c.want}) {
			t.Errorf("%s: %v %v, want %d", c.name, got, err, c.want)
		}
	}
	for _, content := range []drainlinev1.Content{drainlinev1.Content_CONTENT_RAW_BLOCK, drainlinev1.Content_CONTENT_EVENT_BATCH} {
		bad := &drainlinev1.DeadBlock{Content: content, Original: []byte{0xff}}
		if got, err := Dead(&transform.TrialOutput{Dead: []*drainlinev1.DeadBlock{bad}}); err == nil {
			t.Errorf("%v is read as %v", content, got)
		}
	}
}
