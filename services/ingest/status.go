package ingest

import "github.com/drainline/drainline/services/ingest/internal/door"

// FactUnknownDrains is the name of UnknownDrains in the status of a process.
const FactUnknownDrains = "unknown_drains"

// UnknownDrain is a drain that sends although the configuration does not list it.
type UnknownDrain = door.UnknownDrain

// FactExpectedDrains is the name of ExpectedDrains in the status of a process.
const FactExpectedDrains = "expected_drains"

// ExpectedDrain is a drain that must not be silent for long, and when it was seen last.
type ExpectedDrain = door.ExpectedDrain

// ExpectedDrains are the drains that must not be silent for long (drains[].expect_within),
// by token.
func (i *Ingest) ExpectedDrains() []ExpectedDrain { return i.door.Expected() }

// UnknownDrains are the drains that are not listed and sent last, 1,000 at most,
// the latest first. Where drains need not be listed there are none.
func (i *Ingest) UnknownDrains() []UnknownDrain { return i.door.Unknown() }
