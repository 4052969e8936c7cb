package shipper

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/shipper/internal/batch"
	"github.com/drainline/drainline/services/shipper/internal/endpoint"
)

func TestNarrow(t *testing.T) {
	t.Parallel()
	const bad, large = http.StatusBadRequest, http.StatusRequestEntityTooLarge
	halves := []batch.Span{{From: 10, To: 15}, {From: 15, To: 20}}
	f := func(status int, code hec.Code, named int, want ...batch.Span) {
		t.Helper()
		refused := &endpoint.RefusedError{Status: status, Answer: hec.Answer{Code: code, InvalidEvent: named}}
		got := narrow(batch.Span{From: 10, To: 20}, refused)
		slices.Reverse(got) // the last is sent first
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d, code %d, event %d: %s", status, code, named, diff)
		}
	}
	f(bad, hec.InvalidFields, 3, batch.Span{From: 10, To: 13}, batch.Span{From: 13, To: 14}, batch.Span{From: 14, To: 20})
	f(bad, hec.IncorrectIndex, 4, batch.Span{From: 10, To: 13}, batch.Span{From: 13, To: 14}, batch.Span{From: 14, To: 20})
	f(bad, hec.InvalidFields, 0, batch.Span{From: 10, To: 11}, batch.Span{From: 11, To: 20})
	f(bad, hec.IncorrectIndex, 1, batch.Span{From: 10, To: 11}, batch.Span{From: 11, To: 20})
	f(bad, hec.InvalidFields, 9, batch.Span{From: 10, To: 19}, batch.Span{From: 19, To: 20})
	f(bad, hec.InvalidFields, -1, halves...)
	f(bad, hec.InvalidFields, 10, halves...)
	f(bad, hec.IncorrectIndex, 0, halves...)
	f(bad, hec.InvalidFields, int(^uint(0)>>1), halves...)
	f(large, endpoint.NoCode, -1, halves...)
	f(large, hec.InvalidFields, 3, halves...)
}
