package ingest

import (
	"net/http"

	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// Server lets tests look at the HTTP server.
func (i *Ingest) Server() *http.Server { return i.logplex.server.Server }

// Tell has the other instances told of a request.
func (i *Ingest) Tell(id wire.ID) { i.store.gossip.tell(id) }

// Told tells what is untold.
func (i *Ingest) Told() { i.store.gossip.send(nil) }

// Remembered is the number of requests that would be recognised.
func (i *Ingest) Remembered() int { return i.store.index.Len() }

// Gossip's side of a broadcast, as it is read.
var IDs = ids

// SpoolConn is for looking into the spool.
func (i *Ingest) SpoolConn() *bus.Conn { return i.spool.Conn() }
