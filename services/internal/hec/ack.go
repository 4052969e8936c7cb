package hec

import (
	"maps"
	"slices"
	"strconv"
)

// ParseAckQuery reads the body of a request to the ack endpoint, {"acks":[0,1]}. The
// ids come back in ascending order, each once. Anything else, no ids at all, and
// more than most of them is refused with InvalidDataFormat.
func ParseAckQuery(body []byte, most int) ([]uint64, *RefusedError) {
	refuse := func(reason string) ([]uint64, *RefusedError) {
		return nil, &RefusedError{Code: InvalidDataFormat, Event: -1, Reason: reason}
	}
	acks, reason := acksOf(body, '[')
	if reason != "" {
		return refuse(reason)
	}
	ids, ok := parseIDs(acks, most)
	if !ok {
		return refuse("its acks are not 1 to " + strconv.Itoa(most) + " ids")
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// ackDepth bounds what a newer client or Splunk might say beside the ids.
const ackDepth = 16

// acksOf is the member acks of an object, which begins with a bracket of that kind, or
// the reason why there is none.
func acksOf(body []byte, bracket byte) (acks []byte, reason string) {
	start := skipSpace(body, 0)
	if start == len(body) || body[start] != '{' {
		return nil, "the body is not an object"
	}
	m := membersOf(body, start, ackDepth)
	for m.next() {
		if string(unquote(m.key)) == "acks" {
			acks = m.value
		}
	}
	switch {
	case m.at < 0 || skipSpace(body, m.at) < len(body):
		return nil, "the body is not JSON"
	case (acks == nil || acks[0] != bracket) && bracket == '[':
		return nil, "the body has no array of acks"
	case acks == nil || acks[0] != bracket:
		return nil, "the body has no object of acks"
	default:
		return acks, ""
	}
}

// parseIDs reads an array of unsigned integers.
func parseIDs(array []byte, most int) ([]uint64, bool) {
	var ids []uint64
	for at := 1; ; at++ {
		at = skipSpace(array, at)
		end := skipDigits(array, at)
		if end < 0 || len(ids) == most {
			return nil, false
		}
		id, err := strconv.ParseUint(stringOf(array[at:end]), 10, 64)
		if err != nil {
			return nil, false
		}
		ids = append(ids, id)
		switch at = skipSpace(array, end); array[at] {
		case ',':
		case ']':
			return ids, true
		default:
			return nil, false
		}
	}
}

// AppendAcks appends the answer of the ack endpoint: for each id, in the order
// given, whether its request is acknowledged.
func AppendAcks(dst []byte, ids []uint64, acked []bool) []byte {
	dst = append(dst, `{"acks":{`...)
	for i, id := range ids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = strconv.AppendUint(dst, id, 10)
		dst = append(dst, '"', ':')
		dst = strconv.AppendBool(dst, acked[i])
	}
	return append(dst, '}', '}')
}

// AppendAckQuery appends the body of a request to the ack endpoint: {"acks":[0,1]}.
func AppendAckQuery(dst []byte, ids []int64) []byte {
	dst = append(dst, `{"acks":[`...)
	for i, id := range ids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, id, 10)
	}
	return append(dst, ']', '}')
}

// ParseAcks reads the answer of the ack endpoint, {"acks":{"0":true,"1":false}}, and
// returns the ids that are acknowledged, in ascending order. It fails with an
// *AnswerError on anything else, also where only part of it is something else: what
// cannot be read is never taken for an acknowledgement. MaxAnswer has room for 2,000 ids
// of any length.
func ParseAcks(body []byte) ([]int64, error) {
	refuse := func(reason string) ([]int64, error) {
		return nil, &AnswerError{Reason: reason, Excerpt: excerpt(body)}
	}
	if reason := foreign(body); reason != "" {
		return refuse(reason)
	}
	acks, reason := acksOf(body, '{')
	if reason != "" {
		return refuse(reason)
	}
	acked := make(map[int64]bool)
	for m := membersOf(acks, 0, ackDepth); m.next(); {
		key := string(unquote(m.key))
		id, err := strconv.ParseInt(key, 10, 64)
		if err != nil || id < 0 || strconv.FormatInt(id, 10) != key {
			return refuse("an id of its acks is no number")
		}
		value := string(m.value)
		if value != "true" && value != "false" {
			return refuse("one of its acks is neither true nor false")
		}
		acked[id] = value == "true"
	}
	maps.DeleteFunc(acked, func(_ int64, yes bool) bool { return !yes })
	return slices.Sorted(maps.Keys(acked)), nil
}
