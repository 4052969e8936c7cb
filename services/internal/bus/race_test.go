//go:build race

package bus

// manyMessages are fewer where each costs ten times as much.
const manyMessages = 10_000
