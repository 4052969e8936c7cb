package transform

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

// typical are five rules as people write them.
func typical(c *config.Config) {
	c.Rules = []config.Rule{
		{Name: "health checks", When: `kind == "router" && fields.path == "/healthz" && fields.status < 400`, Drop: true},
		{Name: "errors", When: `kind == "router" && fields.status >= 500`, Set: map[string]string{"index": "errors"}},
		{Name: "router", When: `kind == "router"`, Set: map[string]string{"sourcetype": "router"}},
		{Name: "secrets", Redact: []config.Redaction{{Pattern: "sk_live_", With: "***"}}},
		{Name: "debug", When: `kind == "app" && message startsWith "DEBUG"`, Drop: true},
	}
}

// mixed is a block of 1,000 lines of about 200 bytes: six of ten are the router's, three
// an app's, one the platform's.
func mixed() *drainlinev1.RawBlock {
	const app = `level=info ts=2024-05-01T12:00:00.123Z caller=checkout.go:118 msg="order placed" order=%d customer=c_81723 items=3 ` +
		`total=42.90 currency=EUR`
	var frames []string
	for n := range 1000 {
		switch {
		case n%10 < 6:
			path := "/orders/" + fmt.Sprint(n)
			if n%10 == 5 {
				path = "/healthz"
			}
			frames = append(frames, `<158>1 2024-05-01T12:00:00.223456+00:00 host heroku router - at=info method=GET path="`+path+
				`" host=a.herokuapp.com request_id=59da6323-2bc4-4143-8677-cc66ccfb115f fwd="181.167.87.140" dyno=web.1 connect=0ms service=3ms`+
				` status=200 bytes=6979 protocol=https`)
		case n%10 < 9:
			frames = append(frames, "<190>1 2024-05-01T12:00:00.123456+00:00 host app web."+fmt.Sprint(n%5+1)+" - "+fmt.Sprintf(app, n)+"\n")
		default:
			frames = append(frames, "<45>1 2024-05-01T12:00:01.000001+00:00 host heroku web.1 - source=web.1 dyno=heroku.2808254.d97d0ea7-cf3d-411b-"+
				"b453-d2943a50b456 sample#load_avg_1m=2.46 sample#load_avg_5m=1.06 sample#load_avg_15m=0.99\n")
		}
	}
	blk := block()
	for ; len(frames) > 0; frames = frames[100:] {
		blk.Requests = append(blk.Requests, request(nil, frames[:100]...))
	}
	return blk
}

// What a block costs on its way, from the payload on the bus to payloads on the bus.
func BenchmarkBlock(b *testing.B) {
	for _, c := range []struct {
		name  string
		rules func(*config.Config)
	}{
		{"without rules", func(*config.Config) {}},
		{"five rules", typical},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := ruled(b, func(cfg *config.Config) {
				delete(cfg.Destinations, "other")
				c.rules(cfg)
			})
			message, err := proto.Marshal(mixed())
			if err != nil {
				b.Fatal(err)
			}
			payload := wire.Seal(nil, message)
			w := worker{transformer: newTransformer(s)}
			events := 0
			b.ReportAllocs()
			for b.Loop() {
				if w.message, err = wire.Open(w.message, payload); err != nil {
					b.Fatal(err)
				}
				if err := wire.UnmarshalBlock(w.message, &w.block); err != nil {
					b.Fatal(err)
				}
				out, err := w.transformer.transform(&w.block)
				if err != nil {
					b.Fatal(err)
				}
				events += out.Counts.Events
				w.trim()
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// A block costs what it has allocated for itself, whatever is in it: rules add nothing a
// line.
func TestAllocations(t *testing.T) {
	const more = 50
	passed := func(c *config.Config) {
		c.Rules = []config.Rule{{Name: "r", Set: map[string]string{"token": "{{ credential }}"}}}
	}
	for _, change := range []func(*config.Config){func(*config.Config) {}, typical, passed} {
		tr, blk := newTransformer(ruled(t, change)), mixed()
		run := func() {
			if _, err := tr.transform(blk); err != nil {
				t.Fatal(err)
			}
			tr.trim()
		}
		run()
		if got := testing.AllocsPerRun(5, run); got > more {
			t.Errorf("%v allocations for 1,000 lines", got)
		}
	}
}
