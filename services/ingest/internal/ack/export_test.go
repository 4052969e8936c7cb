package ack

// Size is how many channels and requests the index holds.
func (x *Index) Size() (channels, pending int) { return x.size() }
