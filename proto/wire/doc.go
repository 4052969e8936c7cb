// Package wire is the contract on the bus that protobuf does not say: the names
// of streams, subjects, consumers and headers, the identity of requests, blocks
// and batches, the envelope every payload travels in, and a hand-written codec
// for the one hot message, EventBatch.
//
// Names and limits are written here and nowhere else.
package wire
