// Package doctor looks at everything that Drainline needs: destinations, the bus, disks and
// the clock.
package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/drainline/drainline/services/internal/checkup"
	"github.com/drainline/drainline/services/internal/display"
)

// Section is what was found out about one thing that Drainline needs.
type Section struct {
	What     string            `json:"what"`
	Findings []checkup.Finding `json:"findings"`
}

// Report is everything that was found.
type Report struct {
	Sections []Section `json:"sections"`
	// Failed, Warnings and Checks count findings; Checks are all but those that were skipped.
	Failed   int `json:"failed"`
	Warnings int `json:"warnings"`
	Checks   int `json:"checks"`
}

func (r *Report) add(sections ...Section) {
	for _, s := range sections {
		r.Sections = append(r.Sections, s)
		for _, f := range s.Findings {
			switch f.State {
			case checkup.Skipped:
				continue
			case checkup.Failed:
				r.Failed++
			case checkup.Warning:
				r.Warnings++
			case checkup.Good:
			}
			r.Checks++
		}
	}
}

// Print prints the report for people: what failed ends in how to mend it.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	for _, s := range r.Sections {
		b.WriteString(display.Text(s.What) + "\n")
		for _, f := range s.Findings {
			state := string(f.State)
			if f.State == checkup.Failed {
				state = "FAILED"
			}
			line := f.Found
			if f.Fix != "" {
				line += ": " + f.Fix
			}
			fmt.Fprintf(&b, "  %-8s %-11s %s\n", state, f.Check, display.Text(line))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err //nolint:wrapcheck // says what it is
}

func good(check, found string) checkup.Finding {
	return checkup.Finding{Check: check, State: checkup.Good, Found: found}
}

func skipped(check, found string) checkup.Finding {
	return checkup.Finding{Check: check, State: checkup.Skipped, Found: found}
}

func warning(check, found, fix string) checkup.Finding {
	return checkup.Finding{Check: check, State: checkup.Warning, Found: found, Fix: fix}
}

func failed(check, found, fix string) checkup.Finding {
	return checkup.Finding{Check: check, State: checkup.Failed, Found: found, Fix: fix}
}
