package door

import (
	"bytes"
	"log/slog"

	"github.com/drainline/drainline/services/ingest/internal/notice"
)

// complaints log what net/http reports, TLS handshakes that fail above all, which
// anybody can cause: not a line for each.
type complaints struct {
	log                *slog.Logger
	handshakes, others notice.Seldom
}

// Write takes one report.
func (c *complaints) Write(line []byte) (int, error) {
	kind := &c.others
	if bytes.Contains(line, []byte("TLS handshake error")) {
		kind = &c.handshakes
	}
	if n, ok := kind.Speak(); ok {
		c.log.Warn("connections fail", "error", string(bytes.TrimSpace(line)), "times", n)
	}
	return len(line), nil
}
