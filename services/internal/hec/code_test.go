package hec_test

import (
	"testing"

	"github.com/drainline/drainline/services/internal/hec"
)

func TestCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		number int
		code   hec.Code
		status int
		text   string
	}{
		{0, hec.Success, 200, "Success"},
		{1, hec.TokenDisabled, 403, "Token disabled"},
		{2, hec.TokenRequired, 401, "Token is required"},
		{3, hec.InvalidAuthorization, 401, "Invalid authorization"},
		{4, hec.InvalidToken, 403, "Invalid token"},
		{5, hec.NoData, 400, "No data"},
		{6, hec.InvalidDataFormat, 400, "Invalid data format"},
		{7, hec.IncorrectIndex, 400, "Incorrect index"},
		{8, hec.InternalError, 500, "Internal server error"},
		{9, hec.ServerBusy, 503, "Server is busy"},
		{10, hec.ChannelMissing, 400, "Data channel is missing"},
		{11, hec.InvalidChannel, 400, "Invalid data channel"},
		{12, hec.EventRequired, 400, "Event field is required"},
		{13, hec.EventBlank, 400, "Event field cannot be blank"},
		{14, hec.AckDisabled, 400, "ACK is disabled"},
		{15, hec.InvalidFields, 400, "Error in handling indexed fields"},
		{16, hec.QueryAuthDisabled, 400, "Query string authorization is not enabled"},
		{17, hec.Healthy, 200, "HEC is healthy"},
		{18, hec.QueuesFull, 503, "HEC is unhealthy, queues are full"},
		{19, hec.AckUnavailable, 503, "HEC is unhealthy, ack service unavailable"},
		{20, hec.QueuesFullAckUnavailable, 503, "HEC is unhealthy, queues are full, ack service unavailable"},
		{21, hec.HealthInvalidToken, 400, "Invalid token"},
		{22, hec.HealthTokenDisabled, 400, "Token disabled"},
		{23, hec.ShuttingDown, 503, "Server is shutting down"},
		{24, hec.QueueNearlyFull, 200, "HEC queue is approaching its capacity limit"},
		{25, hec.AckNearlyFull, 200, "HEC ACK is approaching its capacity limit"},
		{26, hec.QueueFull, 429, "HEC queue is at capacity and cannot process any more requests"},
		{27, hec.AckFull, 429, "HEC ACK channel is at capacity and cannot process any more requests"},
		{404, hec.NotFound, 404, "The requested URL was not found on this server."},
		{413, hec.TooLarge, 413, "The request your client sent was too large."},
		{415, hec.UnsupportedEncoding, 415, "The content encoding is not supported."},
		{-1, -1, 0, ""},
		{28, 28, 0, ""},
	} {
		if int(c.code) != c.number || c.code.Status() != c.status || c.code.Text() != c.text {
			t.Errorf("code %d is %d, HTTP %d, %q; want HTTP %d, %q",
				c.number, c.code, c.code.Status(), c.code.Text(), c.status, c.text)
		}
	}
}
