package door

import (
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/services/ingest/internal/rate"
)

// Sender is who sends a request, let in already.
type Sender struct {
	// Credential is the name of the credential or token that let it in.
	Credential string
	// Door is where it came in.
	Door drainlinev1.Door
	// RemoteAddr is its address, without a port.
	RemoteAddr string
	// App is what the URL's path names, empty for none.
	App string
	// Apps are the only ones it may speak for; none means any.
	Apps           []string
	StructuredData drainlinev1.StructuredData
	// Defaults are for its events; nil leaves all to transform.
	Defaults *drainlinev1.Defaults
	// Marks are noted on its events, see wire.MarkOverRate.
	Marks []string
	// Rate only delays a sender; nil bounds nothing.
	Rate *rate.Bound
}
