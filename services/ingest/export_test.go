package ingest

import "net/http"

// Server lets tests look at the HTTP server and shorten its times before Run.
func (i *Ingest) Server() *http.Server { return i.server }

// Remembered is the number of requests that would be recognised.
func (i *Ingest) Remembered() int { return i.store.index.Len() }

// Gossip's side of a broadcast, as it is read.
var IDs = ids
