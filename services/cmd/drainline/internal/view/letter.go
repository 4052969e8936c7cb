package view

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/display"
)

// Letter is a dead letter as it is shown.
type Letter struct {
	ID          string    `json:"id"`
	Stage       string    `json:"stage"`
	Reason      string    `json:"reason"`
	Sentence    string    `json:"sentence"`
	Destination string    `json:"destination,omitempty"`
	Subject     string    `json:"subject,omitempty"`
	Attempts    int       `json:"attempts"`
	Received    time.Time `json:"received,omitzero"`
	Died        time.Time `json:"died,omitzero"`
	TraceID     string    `json:"trace_id,omitempty"`
	Events      []*Event  `json:"events"`
}

// OpenLetter reads a dead letter as it is on the bus.
func OpenLetter(payload []byte) (*drainlinev1.DeadBlock, error) {
	message, err := wire.Open(nil, payload)
	d := &drainlinev1.DeadBlock{}
	if err == nil {
		err = proto.Unmarshal(message, d)
	}
	if err != nil {
		return nil, fmt.Errorf("dead letter: %w", err)
	}
	return d, nil
}

// Letter shows a dead letter with what is selected of it.
func (r *Reader) Letter(d *drainlinev1.DeadBlock, s *Selection) (*Letter, error) {
	l := &Letter{
		ID: wire.ToID(d.GetId()).String(), Stage: d.GetStage(), Reason: d.GetReason(), Sentence: d.GetSentence(),
		Destination: d.GetDestination(), Subject: d.GetSubject(), Attempts: int(d.GetAttempts()), Received: moment(d.GetReceivedNs()),
		Died: moment(d.GetDiedNs()), TraceID: TraceID(d.GetTrace().GetTraceparent()), Events: []*Event{},
	}
	err := r.Contents(d, s, func(e *Event) error {
		l.Events = append(l.Events, e)
		return nil
	})
	return l, err
}

// maxShown is how many events of a letter are shown to people.
const maxShown = 20

// Write shows the letter to people, safe for a terminal.
func (l *Letter) Write(w io.Writer) {
	fmt.Fprintf(w, "letter %s\n", l.ID)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-12s %s\n", name, display.Cut(value, maxBody))
		}
	}
	row("died", fmt.Sprintf("%s in %s: %s", l.Died.Format(time.RFC3339), l.Stage, l.Reason))
	row("because", l.Sentence)
	row("destination", l.Destination)
	if !l.Received.IsZero() {
		row("received", l.Received.Format(time.RFC3339))
	}
	row("deliveries", strconv.Itoa(l.Attempts))
	row("trace", l.TraceID)
	for i, e := range l.Events {
		if i == maxShown {
			fmt.Fprintf(w, "  and %d more, which -o json shows\n", len(l.Events)-maxShown)
			break
		}
		fmt.Fprintln(w, "  "+e.Line())
	}
}
