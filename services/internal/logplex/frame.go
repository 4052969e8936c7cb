package logplex

import (
	"strconv"
	"time"
)

// timeLayout is how Logplex writes timestamps: microseconds, and +00:00 for UTC.
const timeLayout = "2006-01-02T15:04:05.000000-07:00"

// AppendFrame appends one frame with its length prefix to dst, as Logplex writes it:
// without STRUCTURED-DATA, and text as it is, with or without a line feed. host, app
// and proc must not contain spaces, priority is at most 191, and the frame at most
// [MaxFrame] bytes; none of it is checked, because tests want wrong frames as well.
func AppendFrame[T string | []byte](dst []byte, priority uint8, ts time.Time, host, app, proc string, text T) []byte {
	var scratch [128]byte

	header := append(scratch[:0], '<')
	header = strconv.AppendUint(header, uint64(priority), 10)
	header = append(header, ">1 "...)
	header = ts.AppendFormat(header, timeLayout)

	for _, field := range [...]string{host, app, proc, "-"} {
		header = append(header, ' ')
		header = append(header, field...)
	}

	header = append(header, ' ')

	dst = strconv.AppendInt(dst, int64(len(header)+len(text)), 10)
	dst = append(dst, ' ')
	dst = append(dst, header...)

	return append(dst, text...)
}
