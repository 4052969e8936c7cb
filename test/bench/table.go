package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// column is one figure of a run: its name and how it is printed.
type column struct{ name, format string }

// table prints the medians of runs, one row for each thing that was measured.
type table struct {
	out     *tabwriter.Writer
	columns []column
}

// newTable begins with the names: those of what is measured, then the columns'.
func newTable(columns []column, measured ...string) *table {
	t := &table{out: tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight), columns: columns}
	for _, c := range columns {
		measured = append(measured, c.name)
	}
	fmt.Fprintln(t.out, strings.Join(measured, "\t")+"\t")
	return t
}

// row prints what was measured, and of its runs the median of each column.
func (t *table) row(runs [][]float64, measured ...string) {
	for i, c := range t.columns {
		values := make([]float64, len(runs))
		for n, run := range runs {
			values[n] = run[i]
		}
		slices.Sort(values)
		measured = append(measured, fmt.Sprintf(c.format, values[len(values)/2]))
	}
	fmt.Fprintln(t.out, strings.Join(measured, "\t")+"\t")
}
