// Package ingest is where logs come in: it authenticates, bounds and identifies
// what senders post, and answers success once the bus has stored it, as it was
// received.
package ingest
