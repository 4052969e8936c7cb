package ingest

import "github.com/drainline/drainline/services/ingest/internal/door"

// FactUnknownDrains is the name of UnknownDrains in the status of a process.
const FactUnknownDrains = "unknown_drains"

// UnknownDrain is a drain that sends although the configuration does not list it.
type UnknownDrain = door.UnknownDrain

// UnknownDrains are the drains that are not listed and sent last, 1,000 at most,
// the latest first. Where drains need not be listed there are none.
func (i *Ingest) UnknownDrains() []UnknownDrain { return i.door.Unknown() }
