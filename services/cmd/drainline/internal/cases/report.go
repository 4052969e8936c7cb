package cases

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Report is what came of all cases.
type Report struct {
	Results []Result
	Files   int
}

// Failed counts the cases that are not OK.
func (r *Report) Failed() int {
	n := 0
	for i := range r.Results {
		if !r.Results[i].OK {
			n++
		}
	}
	return n
}

// WriteText writes one line a case for people, and of those that failed what differs and
// what came out. With verbose it is what came out of every case. It ends with a summary
// where all are fine: what failed is for the error to sum up.
func (r *Report) WriteText(w io.Writer, verbose bool) error {
	var b strings.Builder
	for i := range r.Results {
		result := &r.Results[i]
		if result.OK {
			fmt.Fprintf(&b, "ok    %s: %s\n", result.File, result.Name)
		} else {
			fmt.Fprintf(&b, "FAIL  %s:%d: %s\n", result.File, result.Line, result.Name)
			for _, d := range result.Differences {
				d.write(&b)
			}
		}
		if verbose || !result.OK {
			result.write(&b)
		}
	}
	if r.Failed() == 0 {
		fmt.Fprintf(&b, "%s, 0 failed (%s)\n", plural(len(r.Results), "case"), plural(r.Files, "file"))
	}
	_, err := io.WriteString(w, b.String())
	return err //nolint:wrapcheck // says what it is
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

const indent = "      "

func (d *Difference) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s%s\n%s  expected %s\n%s  actual   %s\n", indent, d.Path, indent, d.Expected, indent, d.Actual)
	const least, most = 8, 160 // of characters before the mark: short values need none, in long ones it gets lost
	if at := firstDifference(d.Expected, d.Actual); at >= least && at <= most {
		fmt.Fprintf(b, "%s           %s^\n", indent, strings.Repeat(" ", at))
	}
}

// firstDifference is how many characters at the start of two texts are the same.
func firstDifference(a, b string) int {
	n := 0
	for len(a) > 0 && len(b) > 0 {
		x, size := utf8.DecodeRuneInString(a)
		if y, _ := utf8.DecodeRuneInString(b); x != y {
			break
		}
		a, b = a[size:], b[size:]
		n++
	}
	return n
}

// maxShown bounds the events of one case that are told.
const maxShown = 10

// write writes what came out as a case would say it.
func (o *Outcome) write(b *strings.Builder) {
	fmt.Fprintf(b, "%swhat came out:\n", indent)
	if len(o.Events) == 0 {
		fmt.Fprintf(b, "%s  events: []\n", indent)
	}
	for i := range o.Events {
		if i == maxShown {
			fmt.Fprintf(b, "%s  # and %d more events\n", indent, len(o.Events)-i)
			break
		}
		if i == 0 {
			fmt.Fprintf(b, "%s  events:\n", indent)
		}
		o.Events[i].write(b)
	}
	fmt.Fprintf(b, "%s  filtered: %d\n", indent, o.Filtered)
	for _, reason := range slices.Sorted(maps.Keys(o.Dead)) {
		fmt.Fprintf(b, "%s  dead: {reason: %s, count: %d}\n", indent, reason, o.Dead[reason])
	}
}

func (e *Event) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s    - destination: %s\n%s      time: %s\n", indent, strings.Join(e.Destination, ", "), indent, e.Time)
	texts := e.texts()
	for _, key := range textKeys {
		if texts[key] != "" && (key != "message" || e.Message != nil) {
			fmt.Fprintf(b, "%s      %s: %s\n", indent, key, shown(texts[key]))
		}
	}
	if e.JSON != nil {
		fmt.Fprintf(b, "%s      json: %s\n", indent, shown(dataOf(e.JSON)))
	}
	if len(e.Fields) > 0 {
		fmt.Fprintf(b, "%s      fields: %s\n", indent, shown(e.Fields))
	}
}

// WriteJSON writes everything as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	results := r.Results
	if results == nil {
		results = []Result{}
	}
	return encoder.Encode(struct { //nolint:wrapcheck // says what it is
		Cases  []Result `json:"cases"`
		Total  int      `json:"total"`
		Failed int      `json:"failed"`
	}{results, len(results), r.Failed()})
}

// What of JUnit's XML the CI systems read: a suite a file, a test case a case.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes JUnit's XML, as CI systems read it.
func (r *Report) WriteJUnit(w io.Writer) error {
	report := junitReport{Tests: len(r.Results), Failures: r.Failed()}
	for i := range r.Results {
		result := &r.Results[i]
		if n := len(report.Suites); n == 0 || report.Suites[n-1].Name != result.File {
			report.Suites = append(report.Suites, junitSuite{Name: result.File})
		}
		suite := &report.Suites[len(report.Suites)-1]
		suite.Tests++
		c := junitCase{Name: result.Name, Class: result.File, File: result.File, Line: result.Line}
		if !result.OK {
			suite.Failures++
			c.Failure = result.junit()
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err //nolint:wrapcheck // says what it is
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return err //nolint:wrapcheck // says what it is
	}
	_, err := io.WriteString(w, "\n")
	return err //nolint:wrapcheck // says what it is
}

func (r *Result) junit() *junitFailure {
	var text strings.Builder
	for _, d := range r.Differences {
		d.write(&text)
	}
	r.write(&text)
	first := r.Differences[0]
	return &junitFailure{
		Message: fmt.Sprintf("%s: expected %s, actual %s", first.Path, first.Expected, first.Actual), Type: "difference",
		Text: strings.TrimSpace(text.String()),
	}
}
