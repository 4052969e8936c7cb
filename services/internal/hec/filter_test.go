package hec_test

import (
	"testing"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/hec"
)

func TestFieldFilter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		globs, keeps, drops []string
	}{
		{nil, []string{"a", ""}, nil},
		{[]string{}, nil, []string{"a", ""}},
		{[]string{"a", "*"}, []string{"a", "b", ""}, nil},
		{[]string{"heroku_*", "env"}, []string{"heroku_", "heroku_app", "env"}, []string{"heroku", "xheroku_app", "envs"}},
	} {
		f := hec.NewFieldFilter(c.globs)
		for range 2 { // the second time from memory
			for _, name := range c.keeps {
				if !f.Keeps(name) {
					t.Errorf("%q drop %q", c.globs, name)
				}
			}
			for _, name := range c.drops {
				if f.Keeps(name) {
					t.Errorf("%q keep %q", c.globs, name)
				}
			}
		}
	}
	if hec.NewFieldFilter(nil) != nil || hec.NewFieldFilter([]string{"a", "*"}) != nil {
		t.Error("a filter that keeps all is not nil")
	}
}

func TestAppendEventWith(t *testing.T) {
	t.Parallel()
	filter := hec.NewFieldFilter([]string{"heroku_*"})
	both := []wire.Field{field("app", `1`), field("heroku_app", `2`), field("metric_name:rss", `3`)}
	for _, c := range []struct {
		name   string
		filter *hec.FieldFilter
		event  wire.Event
		want   string
	}{
		{"all", nil, wire.Event{JSON: []byte(`1`), Fields: both}, `{"event":1,"fields":{"app":1,"heroku_app":2,"metric_name:rss":3}}`},
		{"some", filter, wire.Event{JSON: []byte(`1`), Fields: both}, `{"event":1,"fields":{"heroku_app":2}}`},
		{"none", filter, wire.Event{JSON: []byte(`1`), Fields: both[:1]}, `{"event":1}`},
		{
			"a metric", filter,
			wire.Event{JSON: []byte(`"metric"`), Fields: both},
			`{"event":"metric","fields":{"app":1,"heroku_app":2,"metric_name:rss":3}}`,
		},
		{"no metric", filter, wire.Event{JSON: []byte(`"metric"`), Fields: both[:2]}, `{"event":"metric","fields":{"heroku_app":2}}`},
		{
			"a metric whose event came as text", filter,
			wire.Event{Text: []byte("metric"), Fields: both},
			`{"event":"metric","fields":{"app":1,"heroku_app":2,"metric_name:rss":3}}`,
		},
		{"text", filter, wire.Event{Text: []byte("metric"), Fields: both[:2]}, `{"event":"metric","fields":{"heroku_app":2}}`},
	} {
		if got := string(hec.AppendEventWith(nil, &c.event, c.filter)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
