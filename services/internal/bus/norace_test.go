//go:build !race

package bus

const manyMessages = 200_000
