package wire

import "time"

const (
	// MaxBlock bounds the bodies in one RawBlock, in bytes before compression.
	// It leaves room for envelopes and for incompressible bodies below MaxPayload.
	MaxBlock = 512 << 10

	// ServerPayload is what a server's max_payload must allow at least, in bytes.
	// It is nats-server's default.
	ServerPayload = 1 << 20

	// MaxPayload is the largest payload a stage publishes, in bytes. What is left
	// to ServerPayload lets any payload be wrapped into a dead letter.
	MaxPayload = ServerPayload - 64<<10

	// MaxDecoded bounds what Open inflates, in bytes: the largest EventBatch
	// that compresses into MaxPayload and is still believed.
	MaxDecoded = 64 << 20

	// EventsDedupWindow is how long a stream of events recognises a batch it has
	// stored. Ids are few, since a message is a block.
	EventsDedupWindow = 30 * time.Minute

	// RawDedupWindow covers the tries of one publish; requests are recognised by
	// ingest, not by the stream.
	RawDedupWindow = 2 * time.Minute
)
