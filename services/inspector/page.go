package inspector

import (
	"bytes"
	"embed"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed page
var files embed.FS

// templates: "page" is the page, "rows" the rows of a list of events, for the
// page and for the live stream.
var templates = template.Must(template.ParseFS(files, "page/*.html"))

// assets are the page's own files, with their types.
var assets = map[string]string{
	"page.css": "text/css; charset=utf-8",
	"page.js":  "text/javascript; charset=utf-8",
	"icon.svg": "image/svg+xml",
}

// kinds are where Heroku's lines come from; each has its colour in page.css.
var kinds = []string{"app", "router", "api", "system", "addon"}

// pageRows is how many events the page starts with; live updates add to them.
const pageRows = 100

type pageView struct {
	URL     string
	Filter  filter
	Apps    []string
	Kinds   []string
	Summary summary
	Rows    []row
	Last    int64
	// MaxEvents is how many events are kept at most.
	MaxEvents string
}

// page lists the latest events. It works without JavaScript, only not by itself.
func (i *Inspector) page(w http.ResponseWriter, r *http.Request) {
	kept, newest := i.sink.since(0)
	f := newFilter(r.URL.Query())
	shown, _ := f.latest(kept, pageRows)
	view := pageView{
		URL:       i.URL(),
		Filter:    f,
		Apps:      choices(nil, kept, f.App, func(e *entry) string { return e.App }),
		Kinds:     choices(kinds, kept, f.Kind, func(e *entry) string { return e.Kind }),
		Summary:   summarise(i.sink.stats(time.Now())),
		Rows:      rowsOf(shown),
		Last:      newest,
		MaxEvents: group(int64(i.sink.kept.maxEvents)),
	}
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "page", view); err != nil {
		i.log.Error("inspector: the page cannot be made", "error", err)
		http.Error(w, "The page cannot be made; see the log.", http.StatusInternalServerError)
		return
	}
	write(w, "text/html; charset=utf-8", b.String())
}

// choices are the known values, those in the entries, and the one that is
// chosen, sorted after the known; at most 500.
func choices(known []string, entries []*entry, chosen string, of func(*entry) string) []string {
	const most = 500
	seen := map[string]bool{"": true}
	list := slices.Clone(known)
	for _, v := range known {
		seen[v] = true
	}
	add := func(v string) {
		if !seen[v] && len(list) < most {
			seen[v] = true
			list = append(list, v)
		}
	}
	add(chosen)
	for _, e := range entries {
		add(of(e))
	}
	slices.Sort(list[len(known):])
	return list
}

// row is an event as the page shows it.
type row struct {
	*entry
	Badge  string // class of the kind's colour
	Clock  string
	Stamp  string
	Late   string
	Line   string
	Whole  string // the text, where Line may show less of it
	Fields []pair
	JSON   string
	Cut    bool // JSON is the start of an envelope
}

// oneLine shows where lines of a text end.
var oneLine = strings.NewReplacer("\r\n", " ↵ ", "\n", " ↵ ", "\t", " ")

type pair struct{ Name, Value string }

// rowsOf are the rows of entries, newest first.
func rowsOf(entries []*entry) []row {
	rows := make([]row, 0, len(entries))
	for _, e := range slices.Backward(entries) {
		rows = append(rows, newRow(e))
	}
	return rows
}

func newRow(e *entry) row {
	const (
		longestLine = 400
		mostlySeen  = 60 // bytes of a line that fit the page's narrowest column
		longestText = 16 << 10
	)
	at := e.Time
	if at.IsZero() {
		at = e.Arrived.UTC()
	}
	r := row{entry: e, Badge: "other", Clock: at.Format("15:04:05.000"), Stamp: at.Format(time.RFC3339Nano)}
	if slices.Contains(kinds, e.Kind) {
		r.Badge = e.Kind
	}
	if d, ok := e.delay(); ok {
		r.Late = describeDuration(d)
	}
	r.Line = oneLine.Replace(cut(e.Text, longestLine))
	if r.Line != e.Text || len(r.Line) > mostlySeen {
		r.Whole = cut(e.Text, longestText)
	}
	for _, f := range e.fields() {
		r.Fields = append(r.Fields, pair{Name: f.Name, Value: cut(stringOr(f.JSON), longestLine)})
	}
	envelope := string(e.Envelope)
	r.JSON = cut(envelope, longestText)
	r.Cut = r.JSON != envelope
	return r
}

// cut is the start of s, with an ellipsis if it is not all of it.
func cut(s string, longest int) string {
	if len(s) <= longest {
		return s
	}
	for longest > 0 && !utf8.RuneStart(s[longest]) {
		longest--
	}
	return s[:longest] + "…"
}

// summary is stats in words.
type summary struct {
	Received string `json:"received"`
	Rate     string `json:"rate"`
	Delay    string `json:"delay"`
	Refused  string `json:"refused"`
}

func summarise(s stats) summary {
	v := summary{Received: group(s.Received), Rate: describeRate(s.PerSecond), Delay: "–"}
	if s.HasDelay {
		v.Delay = describeDuration(s.Delay)
	}
	if s.Refused > 0 {
		v.Refused = group(s.Refused) + " of " + group(s.Requests) + " requests refused. The last: " + s.Refusal
	}
	return v
}

func describeRate(perSecond float64) string {
	const whole = 10
	if perSecond > 0 && perSecond < whole {
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return group(int64(math.Round(perSecond)))
}

// describeDuration is d with about two digits and a unit.
func describeDuration(d time.Duration) string {
	if d < 0 {
		return "−" + describeDuration(-d)
	}
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	default:
		return group(int64(d.Hours()/24)) + " days" //nolint:mnd // hours in a day
	}
}

// group is n with a comma between thousands.
func group(n int64) string {
	const three = 3
	s := strconv.FormatInt(n, 10)
	for at := len(s) - three; at > 0 && s[at-1] != '-'; at -= three {
		s = s[:at] + "," + s[at:]
	}
	return s
}
