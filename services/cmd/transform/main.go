// Command transform runs Drainline's transform service alone.
package main

import (
	"github.com/drainline/drainline/services/internal/app"
	"github.com/drainline/drainline/services/transform"
)

func main() { app.Main(transform.Command()) }
