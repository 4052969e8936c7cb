package logplex

// Part is a piece of a body that is carried on its own.
type Part struct {
	// Body aliases the body that was split.
	Body []byte
	// Frames is the number of frames in Body, all of them good. It is 0 for bytes
	// that are no frames.
	Frames int
	// First is the position of the part's first frame in the whole body, counted in
	// frames; for bytes that are no frames, the number of frames before them.
	First int
}

// Split cuts body at frame boundaries into parts of at most limit bytes, in order.
// What is no frame comes last, in parts of its own that are cut at limit. The parts
// together are the body, except for line ends between two frames where it was cut.
//
// A frame is never cut: limit should be at least [MaxFrame] and the 11 bytes of a
// length prefix, otherwise a frame that is longer makes a part of its own above it.
// A limit below 1 counts as 1.
func Split(body []byte, limit int) []Part {
	var (
		parts []Part
		part  Part
		start int
		end   int
	)

	limit = max(limit, 1)

	s := Scan(body)
	for s.Next() {
		if part.Frames > 0 && s.end-start > limit {
			part.Body = body[start:end]
			parts = append(parts, part)
			part = Part{First: part.First + part.Frames}
		}

		if part.Frames == 0 {
			start = s.begin
		}

		part.Frames++
		end = s.end
	}

	if part.Frames > 0 {
		part.Body = body[start:end]
		parts = append(parts, part)
	}

	return appendUnframed(parts, body[s.Offset():], part.First+part.Frames, limit)
}

func appendUnframed(parts []Part, rest []byte, first, limit int) []Part {
	for len(rest) > 0 {
		n := min(len(rest), limit)
		parts = append(parts, Part{Body: rest[:n], First: first})
		rest = rest[n:]
	}

	return parts
}
