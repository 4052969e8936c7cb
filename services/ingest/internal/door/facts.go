package door

import (
	"strings"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest/internal/parcel"
)

// maxMsgCount bounds what is kept of a Logplex-Msg-Count, in bytes.
const maxMsgCount = 32

func (q *request) facts() *drainlinev1.Facts {
	return &drainlinev1.Facts{
		PathApp:        q.App,
		UserAgent:      parcel.Text(q.http.UserAgent(), parcel.MaxUserAgent),
		RemoteAddr:     q.RemoteAddr,
		MsgCount:       parcel.Text(q.http.Header.Get(headerMsgCount), maxMsgCount),
		Apps:           q.Apps,
		StructuredData: q.StructuredData,
	}
}

// host is an address without its port.
func host(address string) string {
	if colon := strings.LastIndexByte(address, ':'); colon >= 0 {
		address = address[:colon]
	}
	return strings.Trim(address, "[]")
}
