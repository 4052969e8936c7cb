// Package e2e holds the end-to-end tests. They build the programs and drive
// them as an operator would: by arguments, environment, files, signals and the
// network. Nothing of Drainline is linked into them.
package e2e
