package cases

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/cmd/drainline/internal/sender"
	"github.com/drainline/drainline/services/internal/hec"
	"github.com/drainline/drainline/services/internal/logplex"
)

const (
	// maxInput bounds the lines and envelopes of a case.
	maxInput = 100_000
	// maxPriority is the highest that syslog knows.
	maxPriority = 191
)

// forms are the keys of which an input has exactly one, lineKeys those that go with
// line and lines.
var (
	forms    = []string{"line", "lines", "frame", "hec", "raw"}
	lineKeys = []string{"process", "app", "host", "priority", "time"}
)

// readInput reads lines or envelopes. Each makes a request of its own, by which it is
// known what its events were made of.
func (r *reader) readInput(n *yaml.Node, received time.Time) []sender.Body {
	if n.Kind == yaml.ScalarNode { // a line without anything else to say
		n = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column, Content: []*yaml.Node{{Value: "line"}, n}}
	}
	keys := r.section(n, slices.Concat(forms, lineKeys, []string{"received", "repeat"})...)
	if keys == nil {
		return nil
	}
	form := r.formOf(n, keys)
	if form == "" {
		return nil
	}
	if keys["received"] != nil {
		received = r.time(keys["received"])
	}
	for _, key := range lineKeys {
		if keys[key] != nil && form != "line" && form != "lines" {
			r.mistakef(keys[key], "%s goes with line and lines", key)
		}
	}
	var inputs []sender.Body
	switch form {
	case "line", "lines":
		inputs = r.readLines(keys, received)
	case "frame":
		inputs = r.readFrames(keys["frame"])
	case "hec":
		inputs = r.readEnvelopes(keys["hec"])
	case "raw":
		for line := range hec.Lines([]byte(r.text(keys["raw"]))) {
			inputs = append(inputs, sender.Body{Encoding: drainlinev1.Encoding_ENCODING_HEC_RAW, Bytes: line})
		}
	}
	for i := range inputs {
		inputs[i].Received = received
	}
	if keys["repeat"] == nil {
		return inputs
	}
	times := r.number(keys["repeat"], 1, maxInput)
	if times*len(inputs) > maxInput {
		r.mistakef(keys["repeat"], "that makes more than %d lines and envelopes", maxInput)
		return inputs
	}
	inputs = slices.Repeat(inputs, times)
	for i := range inputs {
		inputs[i].Bytes = bytes.Clone(inputs[i].Bytes) // transform knows the parts of one thing by their memory
	}
	return inputs
}

func (r *reader) formOf(n *yaml.Node, keys map[string]*yaml.Node) string {
	found := ""
	for _, form := range forms {
		switch {
		case keys[form] == nil:
		case found != "":
			r.mistakef(keys[form], "an input has one of %s and %s", found, form)
		default:
			found = form
		}
	}
	if found == "" {
		r.mistakef(n, "an input has one of %s", strings.Join(forms, ", "))
	}
	return found
}

// readLines makes frames of a line, or of lines.
func (r *reader) readLines(keys map[string]*yaml.Node, received time.Time) []sender.Body {
	process, app, host := r.text(keys["process"]), r.text(keys["app"]), r.text(keys["host"])
	if process == "" {
		process = "web.1"
	}
	appname, priority := originOf(process, app)
	if host == "" {
		host = "host"
	}
	for _, word := range [][2]string{{"process", process}, {"app", appname}, {"host", host}} {
		if strings.ContainsAny(word[1], " \n") {
			r.mistakef(keys[word[0]], "%s must not have spaces", word[0])
		}
	}
	if keys["priority"] != nil {
		priority = r.number(keys["priority"], 0, maxPriority)
	}
	at := received
	if keys["time"] != nil {
		at = r.time(keys["time"])
	}
	texts := []string{r.text(keys["line"])}
	if keys["lines"] != nil {
		texts = strings.Split(strings.TrimSuffix(r.text(keys["lines"]), "\n"), "\n")
	}
	inputs := make([]sender.Body, 0, len(texts))
	for _, text := range texts {
		frame := logplex.AppendFrame(nil, uint8(priority), at, host, appname, process, text)
		if _, _, err := logplex.Check(frame); err != nil {
			r.mistakef(keys["line"], "the line is longer than the %d bytes that a frame may have", logplex.MaxFrame)
		}
		inputs = append(inputs, sender.Body{Encoding: drainlinev1.Encoding_ENCODING_FRAMES, Bytes: frame})
	}
	return inputs
}

// originOf is the APPNAME and priority that Heroku gives to lines of a process. An
// APPNAME that is given is kept: heroku makes a line of web.1 one of the platform.
func originOf(process, app string) (appname string, priority int) {
	const (
		local7, local5, local3, local0, syslogd = 190, 172, 158, 134, 45
	)
	of := func(name string, priority int) (string, int) {
		if app != "" {
			name = app
		}
		return name, priority
	}
	switch {
	case process == "router":
		return of("heroku", local3)
	case process == "logplex":
		return of("heroku", local5)
	case process == "api", strings.HasPrefix(process, "heroku-"), isServer(process):
		return of("app", local0)
	case app == "heroku":
		return app, syslogd
	default:
		return of("app", local7)
	}
}

// isServer says whether a process is one that add-ons report of, such as postgres.123.
func isServer(process string) bool {
	name, number, _ := strings.Cut(process, ".")
	return number != "" && slices.Contains([]string{"postgres", "redis", "kafka"}, name)
}

// readFrames takes frames with their lengths, which have to be right.
func (r *reader) readFrames(n *yaml.Node) []sender.Body {
	body := []byte(r.text(n))
	var inputs []sender.Body
	start := 0
	s := logplex.Scan(body)
	for s.Next() {
		inputs = append(inputs, sender.Body{Encoding: drainlinev1.Encoding_ENCODING_FRAMES, Bytes: body[start:s.Offset()]})
		start = s.Offset()
	}
	switch err := s.Err(); {
	case err != nil:
		rest := bytes.TrimRight(body[start:], "\n")
		_, frame, _ := bytes.Cut(rest, []byte(" "))
		r.mistakef(n, "byte %d: %s; what follows the number has %d bytes, %d with a line feed", err.Offset, err.Reason, len(frame), len(frame)+1)
	case len(inputs) == 0:
		r.mistakef(n, "there is no frame")
	}
	return inputs
}

// readEnvelopes takes envelopes as JSON text, or as data.
func (r *reader) readEnvelopes(n *yaml.Node) []sender.Body {
	if n.Kind == yaml.SequenceNode {
		entries := list(n)
		inputs := make([]sender.Body, 0, len(entries))
		for _, entry := range entries {
			inputs = append(inputs, r.readEnvelopes(entry)...)
		}
		return inputs
	}
	body := r.jsonOf(n)
	var inputs []sender.Body
	in := hec.NewScanner(body, hec.Limits{MaxEvent: wire.MaxBlock})
	for in.Next() {
		inputs = append(inputs, sender.Body{Encoding: drainlinev1.Encoding_ENCODING_HEC_EVENTS, Bytes: bytes.Clone(in.Envelope().Raw)})
	}
	if refused := in.Refused(); refused != nil {
		r.mistakef(n, "HEC refuses it: %v", refused)
	}
	return inputs
}

// jsonOf is the JSON that an envelope is written in, or what its data are in JSON.
func (r *reader) jsonOf(n *yaml.Node) []byte {
	if n.Kind == yaml.ScalarNode {
		return []byte(n.Value)
	}
	content, err := plainJSON(r.data(n))
	if err != nil {
		r.mistakef(n, "cannot be written as JSON: %v", err)
	}
	return content
}
