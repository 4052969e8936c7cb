package e2e

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// scrape reads one metric, given a pattern of its name and labels, from admin; it
// is 0 before there is any.
func (p *process) scrape(admin, pattern string) float64 {
	p.t.Helper()
	response, err := http.Get(admin + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	sum := 0.0
	expression := regexp.MustCompile(`^` + pattern + `$`)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		end := strings.LastIndexByte(line, ' ') // a label may have spaces
		if end < 0 || !expression.MatchString(line[:end]) {
			continue
		}
		value := line[end+1:]
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		sum += n
	}
	return sum
}
