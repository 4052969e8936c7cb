// Package door is the HTTP side of ingest: who may come in, what a body may be,
// and which requests it becomes on the bus. It looks at framing, never into
// messages.
//
// Logplex decides what it must answer. A 2xx ends a batch; a 4xx drops it for
// good; anything else, and no answer within five seconds, is tried again, three
// times in all and without a pause. Its client reads a body by Content-Length
// only. log-shuttle takes any status for delivered and retries only when the
// connection breaks.
package door
