// Command transform runs Drainline's transform service alone.
package main

import (
	"github.com/drainline/drainline/services/transform"
	"github.com/drainline/drainline/services/internal/app"
)

func main() { app.Main(transform.Command()) }
