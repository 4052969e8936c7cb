// Command shipper runs Drainline's shipper service alone.
package main

import (
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/shipper"
)

func main() { app.Main(shipper.Command()) }
