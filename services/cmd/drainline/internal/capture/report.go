package capture

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
)

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r) //nolint:wrapcheck // says what it is
}

// WriteText writes the report as a table for people.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	columns := []string{"APP", "INDEX", "SOURCETYPE"}
	several := r.severalDestinations()
	if several {
		columns = append([]string{"DESTINATION"}, columns...)
	}
	numbers := []string{"EVENTS", "LICENSE BYTES"}
	if r.Before != nil {
		numbers = []string{"EVENTS BEFORE", "EVENTS AFTER", "CHANGE", "LICENSE BYTES BEFORE", "LICENSE BYTES AFTER", "CHANGE"}
	}
	fmt.Fprintln(t, strings.Join(append(columns, numbers...), "\t"))
	for i := range r.Rows {
		row := &r.Rows[i]
		cells := []string{word(row.App, "-"), word(row.Index, "(default)"), word(row.Sourcetype, "(default)")}
		if several {
			cells = append([]string{row.Destination}, cells...)
		}
		fmt.Fprintln(t, strings.Join(append(cells, volumes(row.Before, row.After)...), "\t"))
	}
	total := append([]string{"total"}, make([]string, len(columns)-1)...)
	before := (*Volume)(nil)
	if r.Before != nil {
		before = &r.Before.Volume
	}
	fmt.Fprintln(t, strings.Join(append(total, volumes(before, r.After.Volume)...), "\t"))
	if err := t.Flush(); err != nil {
		return err //nolint:wrapcheck // says what it is
	}
	return r.writeRest(w)
}

// writeRest writes what did not become an event.
func (r *Report) writeRest(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(what string, before, after int64) {
		if r.Before != nil {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", what, grouped(before), grouped(after), strings.TrimSuffix(change(before, after), newMark))
			return
		}
		fmt.Fprintf(t, "%s\t%s\n", what, grouped(after))
	}
	fmt.Fprintln(t)
	reasons := maps.Clone(r.After.Dead)
	before := Side{}
	if r.Before != nil {
		before = *r.Before
		maps.Copy(reasons, before.Dead)
	}
	line("filtered by rules", before.Filtered, r.After.Filtered)
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		line("dead: "+reason, before.Dead[reason], r.After.Dead[reason])
	}
	if r.Undecodable > 0 {
		fmt.Fprintf(t, "undecodable\t%s bytes\n", grouped(r.Undecodable))
	}
	return t.Flush() //nolint:wrapcheck // says what it is
}

func (r *Report) severalDestinations() bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Destination != r.Rows[0].Destination })
}

func volumes(before *Volume, after Volume) []string {
	if before == nil {
		return []string{grouped(after.Events), grouped(after.Bytes)}
	}
	return []string{
		grouped(before.Events), grouped(after.Events), change(before.Events, after.Events),
		grouped(before.Bytes), grouped(after.Bytes), change(before.Bytes, after.Bytes),
	}
}

// newMark marks a row of which there was nothing before.
const newMark = " (new)"

// change is a difference with its share of what was before.
func change(before, after int64) string {
	const percent = 100
	switch difference := after - before; {
	case difference == 0:
		return "="
	case before == 0:
		return "+" + grouped(difference) + newMark
	case difference > 0:
		return fmt.Sprintf("+%s (+%.1f %%)", grouped(difference), percent*float64(difference)/float64(before))
	default:
		return fmt.Sprintf("-%s (-%.1f %%)", grouped(-difference), percent*float64(-difference)/float64(before))
	}
}

// grouped is a number that is not negative with its digits in groups.
func grouped(n int64) string {
	const group = 3
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - group; at > 0; at -= group {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// word is what a sender may have named, in one cell of a table.
func word(name, none string) string {
	const most = 100
	name = cmp.Or(name, none)
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		name = strconv.Quote(name)
	}
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return name
}
