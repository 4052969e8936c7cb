package endpoint

import (
	"testing"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/hec"
)

// BenchmarkSend is a request of 100 kB over loopback, collector included.
func BenchmarkSend(b *testing.B) {
	for name, mode := range map[string]string{"off": config.AckOff, "auto": config.AckAuto} {
		b.Run(name, func(b *testing.B) {
			c := client(b, func(d *config.Destination) { d.Ack = mode }, serve(b, always(hec.Success)))
			r := &Request{Body: make([]byte, 100_000), Gzip: true}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Send(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
