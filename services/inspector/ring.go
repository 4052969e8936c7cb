package inspector

// ring keeps the latest entries, within two bounds. The oldest go first.
type ring struct {
	entries   []*entry
	maxEvents int
	bytes     int
	maxBytes  int
}

func (r *ring) add(e *entry) {
	r.entries = append(r.entries, e)
	r.bytes += e.cost()
	for len(r.entries) > r.maxEvents || r.bytes > r.maxBytes {
		r.bytes -= r.entries[0].cost()
		r.entries[0] = nil // the array behind lives on until append moves it
		r.entries = r.entries[1:]
	}
}
