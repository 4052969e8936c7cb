package ingest

import (
	"context"
	"hash/crc32"
	"log/slog"
	"sync/atomic"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/internal/bus"
)

// shard is one raw stream.
type shard struct {
	*bus.BlockWriter

	used atomic.Bool
}

// Append is the writer's.
func (s *shard) Append(ctx context.Context, requests ...*drainlinev1.Request) error {
	s.used.Store(true)
	return s.BlockWriter.Append(ctx, requests...)
}

// shards are all of one kind.
type shards []*shard

// of keeps the requests of one drain in one stream.
func (s shards) of(drain string) *shard {
	return s[crc32.ChecksumIEEE([]byte(drain))%uint32(len(s))]
}

// openShards opens n shards, but one at least, after remembering what is in them.
func (s *store) openShards(ctx context.Context, b *bus.Conn, n int, name func(int) string, fallback *bus.Fallback, log *slog.Logger) shards {
	opened := make(shards, max(n, 1))
	for n := range opened {
		if !b.Away() {
			recall(ctx, b, b.Names().RawStream(name(n)), s.index, log)
		}
		opened[n] = &shard{BlockWriter: bus.NewBlockWriter(b, name(n), fallback)} //nolint:contextcheck // it lives until it is closed
	}
	return opened
}
