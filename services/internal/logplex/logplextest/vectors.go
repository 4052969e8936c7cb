// Package logplextest has the bodies that whatever reads Logplex is tested with.
package logplextest

import (
	_ "embed"
	"encoding/json"
	"testing"
)

//go:embed vectors.json
var vectors []byte

// Vector is a body with a name: N and a number for what senders send, X for what they
// must not.
type Vector struct {
	ID   string `json:"id"`
	Body []byte `json:"b64"`
	// Frames is how many good messages are in it; Note says what it is about.
	Frames int    `json:"frames"`
	Note   string `json:"note"`
}

// Vectors are all of them.
func Vectors(tb testing.TB) []Vector {
	tb.Helper()
	var all []Vector
	if err := json.Unmarshal(vectors, &all); err != nil {
		tb.Fatal(err)
	}
	return all
}

// Body is that of one vector.
func Body(tb testing.TB, id string) []byte {
	tb.Helper()
	for _, v := range Vectors(tb) {
		if v.ID == id {
			return v.Body
		}
	}
	tb.Fatalf("no vector %s", id)
	return nil
}
