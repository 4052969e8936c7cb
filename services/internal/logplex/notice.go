package logplex

import "bytes"

// LeadingL10 returns how many bytes at the start of body are frames in which Logplex
// itself reports loss ("Error L10 (output buffer overflow): …"), with the line ends
// behind them; 0 for most bodies.
//
// Logplex puts such a frame in front of a batch when it sends it. A retry of the
// batch can carry a newer one, so it is no part of what identifies the batch.
func LeadingL10(body []byte) int {
	n := 0

	s := Scan(body)
	for s.Next() && isL10(s.Frame()) {
		n = s.Offset()
	}

	return n
}

func isL10(frame []byte) bool {
	rest, ok := bytes.CutPrefix(frame, []byte("<172>1 "))
	if !ok {
		return false
	}

	_, rest, ok = cutField(rest)

	return ok && bytes.HasPrefix(rest, []byte("host heroku logplex - Error L10 "))
}
