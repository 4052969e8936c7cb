// Command ingest runs Drainline's ingest service alone.
package main

import (
	"github.com/drainline/drainline/services/ingest"
	"github.com/drainline/drainline/services/internal/app"
)

func main() { app.Main(ingest.Command()) }
