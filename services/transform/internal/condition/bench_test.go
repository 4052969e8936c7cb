package condition

import (
	"testing"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform/internal/event"
)

func BenchmarkMatch(b *testing.B) {
	router, app := request(), &event.Event{Event: wire.Event{Kind: "app", Text: []byte("hello")}}
	router.ParseWith(routerFields)
	router.Parsed()
	for name, expression := range map[string]string{
		"quick":   `kind == "router" && fields.path == "/healthz" && fields.status < 400`,
		"machine": `kind == "router" && lower(fields.path) == "/healthz"`,
		"matches": `kind == "router" && fields.path matches "^/health"`,
	} {
		c, err := Compile(expression)
		if err != nil {
			b.Fatal(err)
		}
		for of, e := range map[string]*event.Event{"router": router, "app": app} {
			b.Run(name+"/"+of, func(b *testing.B) {
				var m Machine
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Match(&m, e); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkTemplate(b *testing.B) {
	for name, text := range map[string]string{
		"literal": "web", "name": "{{ fields.path }}", "mixed": "web-{{ app }}", "machine": `{{ lower(app) }}`,
	} {
		t, err := CompileText(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			var m Machine
			var text []byte
			e := request()
			b.ReportAllocs()
			for b.Loop() {
				if text, err = t.AppendText(&m, text[:0], e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// routerFields are those of a router line, in its order.
var routerFields = given{
	text("at", "info"),
	text("method", "GET"), text("path", "/healthz"), text("host", "shop.example.com"), text("request_id", "0c9cb1a1"), text("fwd", "203.0.113.7"),
	text("dyno", "web.1"),
	{Name: "connect", Value: number("0")},
	{Name: "service", Value: number("12")},
	{Name: "status", Value: number("200")},
	{Name: "bytes", Value: number("512")},
	text("protocol", "https"),
}
