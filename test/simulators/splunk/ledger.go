package splunk

import (
	"hash/maphash"
	"sync"
)

// keptRepeats bounds what Repeated remembers.
const keptRepeats = 100

// A Ledger counts how often it has seen each id. It keeps 64-bit hashes, about 40 bytes an id; among a million ids the odds that two
// share a hash are one in thirty million.
type Ledger struct {
	seed maphash.Seed

	mu         sync.Mutex // guards what follows
	times      map[uint64]uint32
	duplicates int64
	repeated   []string
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{seed: maphash.MakeSeed(), times: map[uint64]uint32{}}
}

// Add notes that id was seen.
func (l *Ledger) Add(id string) {
	l.add([]byte(id))
}

func (l *Ledger) add(id []byte) {
	hash := maphash.Bytes(l.seed, id)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times[hash]++
	if l.times[hash] == 1 {
		return
	}
	l.duplicates++
	if len(l.repeated) < keptRepeats {
		l.repeated = append(l.repeated, string(id))
	}
}

// Times is how often id was seen.
func (l *Ledger) Times(id string) int {
	hash := maphash.String(l.seed, id)
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.times[hash])
}

// Distinct is the number of different ids seen.
func (l *Ledger) Distinct() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.times)
}

// Duplicates is the number of sightings beyond the first of an id.
func (l *Ledger) Duplicates() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.duplicates
}

// Repeated returns the ids of the first hundred duplicates.
func (l *Ledger) Repeated() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.repeated...)
}

// Missing returns those of the given ids that were never seen.
func (l *Ledger) Missing(ids []string) []string {
	var missing []string
	for _, id := range ids {
		if l.Times(id) == 0 {
			missing = append(missing, id)
		}
	}
	return missing
}
