package hec

import (
	"strings"

	"github.com/drainline/drainline/proto/wire"
)

// IsMetric says whether Splunk takes the event for one of measurements: HEC's metric
// format has "metric" for an event, as JSON or as the text of one that came by HEC, and a
// field metric_name:NAME or metric_name.
func IsMetric(e *wire.Event) bool {
	if string(e.JSON) != `"metric"` && (len(e.JSON) > 0 || string(e.Text) != "metric") {
		return false
	}
	for i := range e.Fields {
		if name, ok := strings.CutPrefix(e.Fields[i].Name, "metric_name"); ok && (name == "" || name[0] == ':') {
			return true
		}
	}
	return false
}
