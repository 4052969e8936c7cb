package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/internal/process"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// indexed is an event as Splunk has it: metadata, indexed fields and _raw.
type indexed struct {
	sourcetype, host, raw string
	fields                map[string]string
}

// searcher does at search time what the add-on says, in Splunk's order.
type searcher struct {
	props, transforms, eventtypes, tags stanzas
}

func newSearcher(t *testing.T) searcher {
	t.Helper()
	return searcher{conf(t, "props"), conf(t, "transforms"), conf(t, "eventtypes"), conf(t, "tags")}
}

// search gives an event the fields and tags that a search finds in it. A field that is found twice keeps its
// first value, and one without a value is none.
func (s searcher) search(t *testing.T, e indexed) (fields map[string]string, tags []string) {
	t.Helper()
	fields = map[string]string{"host": e.host, "sourcetype": e.sourcetype}
	maps.Copy(fields, e.fields)
	set := func(name, value string) {
		name = regexp.MustCompile(`\W`).ReplaceAllString(name, "_") // CLEAN_KEYS
		if _, ok := fields[name]; !ok && value != "" {
			fields[name] = value
		}
	}
	stanza := e.sourcetype
	for _, extract := range s.props.all(stanza, "EXTRACT-") {
		named(regexp.MustCompile(extract.value), e.raw, set)
	}
	for _, report := range s.props.all(stanza, "REPORT-") {
		for name := range strings.SplitSeq(report.value, ", ") {
			s.transform(name, e.raw, set)
		}
	}
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(e.raw))
	decoder.UseNumber()
	if s.props.one(stanza, "KV_MODE") == "json" && decoder.Decode(&object) == nil {
		for name, value := range object {
			set(name, fmt.Sprint(value))
		}
	}
	for _, alias := range s.props.all(stanza, "FIELDALIAS-") {
		words := strings.Fields(alias.value)
		for ; len(words) >= 3 && words[1] == "AS"; words = words[3:] {
			if value, ok := fields[words[0]]; ok {
				fields[words[2]] = value
			}
		}
		if len(words) > 0 {
			t.Fatalf("FIELDALIAS-%s is no list of aliases: %s", alias.key, alias.value)
		}
	}
	// Calculated fields do not see each other.
	before := maps.Clone(fields)
	for _, calculated := range s.props.all(stanza, "EVAL-") {
		value, ok, err := eval(calculated.value, before)
		if err != nil {
			t.Fatalf("%s, EVAL-%s: %v", stanza, calculated.key, err)
		}
		if ok {
			fields[calculated.key] = value
		}
	}
	for name := range s.eventtypes {
		if matches(s.eventtypes.one(name, "search"), fields) {
			for _, tag := range s.tags["eventtype="+name] {
				tags = append(tags, tag.key)
			}
		}
	}
	return fields, tags
}

// transform applies a stanza of transforms.conf wherever it matches.
func (s searcher) transform(name, raw string, set func(name, value string)) {
	pattern := regexp.MustCompile(s.transforms.one(name, "REGEX"))
	format := s.transforms.one(name, "FORMAT")
	if format == "" {
		named(pattern, raw, set)
		return
	}
	for _, match := range pattern.FindAllStringSubmatch(raw, -1) {
		fill := func(word string) string {
			if n, err := strconv.Atoi(strings.TrimPrefix(word, "$")); err == nil && word[0] == '$' {
				return match[n]
			}
			return word
		}
		for pair := range strings.FieldsSeq(format) {
			key, value, _ := strings.Cut(pair, "::")
			set(fill(key), fill(value))
		}
	}
}

func named(pattern *regexp.Regexp, raw string, set func(name, value string)) {
	match := pattern.FindStringSubmatch(raw)
	for i, name := range pattern.SubexpNames() {
		if match != nil && name != "" {
			set(name, match[i])
		}
	}
}

// matches says whether an event has all fields that a search names; * is any value.
func matches(search string, fields map[string]string) bool {
	for term := range strings.FieldsSeq(search) {
		name, want, _ := strings.Cut(term, "=")
		value, ok := fields[name]
		if want = strings.Trim(want, `"`); !ok || want != "*" && want != value {
			return false
		}
	}
	return true
}

// What the data models Web and Change need is there, with the right values.
func TestAddOnMakesCIMFields(t *testing.T) {
	t.Parallel()
	s := newSearcher(t)
	const line = `at=info method=GET path="/s?q=a?b" host=www.example.com request_id=59da6323-2bc4 fwd="10.0.0.1, 181.167.87.140" ` +
		`dyno=web.1 connect=1ms service=41ms status=200 bytes=6979 protocol=https`
	for _, c := range []struct {
		name, sourcetype, raw string
		tags                  string
		want                  map[string]string // empty: the field is not there
	}{
		{"a request", "heroku:router", line, "[web]", map[string]string{
			"http_method": "GET", "url": "https://www.example.com/s?q=a?b", "uri_path": "/s", "uri_query": "q=a?b",
			"site": "www.example.com", "url_domain": "www.example.com", "dest": "www.example.com", "src": "181.167.87.140",
			"status": "200", "action": "success", "bytes": "6979", "bytes_out": "6979", "response_time": "41", "duration": "42",
			"app": "shop", "vendor_product": "Heroku Router", "host": "shop", "dyno": "web.1", "code": "",
		}},
		{"Router 2.0", "heroku:router", `at=info method=GET path="/" host=a request_id=b fwd="" dyno=web.1 connect=0ms service=2ms status=304 bytes=0 ` +
			`protocol=http1.1 tls=true tls_version=tls1.3`, "[web]", map[string]string{
			"url": "https://a/", "uri_query": "", "src": "", "tls_version": "tls1.3", "action": "success",
		}},
		{"an error", "heroku:router", `sock=backend at=error code=H18 desc="Server Request Interrupted" method=POST path="/api" host=a request_id=3 ` +
			`fwd="1.2.3.4" dyno= connect= service= status=503 bytes= protocol=http`, "[web]", map[string]string{
			"sock": "backend", "code": "H18", "desc": "Server Request Interrupted", "status": "503", "action": "failure", "url": "http://a/api",
			"dyno": "", "bytes": "", "response_time": "", "duration": "",
		}},
		{"a client that forges", "heroku:router", `at=info method=GET path="/ status=999 \" status=998" host=a request_id=3 ` +
			`fwd="x status=200 bytes=1 host=evil, 1.2.3.4" dyno=web.1 connect=0ms service=2ms status=404 bytes=7 protocol=http`, "[web]", map[string]string{
			"status": "404", "bytes": "7", "http_host": "a", "host": "shop", "src": "1.2.3.4",
		}},
		{"a key of tomorrow", "heroku:router", `at=info method=GET region="eu x=1" path="/" host=a new=1 status=200 bytes=7 last`, "[web]", map[string]string{
			"uri_path": "/", "status": "200", "bytes": "7",
		}},
		{"no line of the router", "heroku:router", `hello status=200`, "[web]", map[string]string{"status": "", "action": "", "url": ""}},
		{"as posted to Splunk's raw endpoint", "heroku:router", `251 <158>1 2024-05-01T12:00:00.223456+00:00 host heroku router - ` + line, "[web]", map[string]string{
			"status": "200", "src": "181.167.87.140", "at": "info",
		}},
		{"a release", "heroku:api", "Release v9 created by user a@b.c", "[change]", map[string]string{
			"action": "created", "object": "v9", "object_category": "release", "user": "a@b.c", "status": "success", "dest": "shop",
			"change_type": "application", "vendor_product": "Heroku API",
		}},
		{"config vars", "heroku:api", "Set FOO, BAR config vars by user a@b.c", "[change]", map[string]string{
			"action": "modified", "object": "FOO, BAR", "object_category": "config_vars", "user": "a@b.c",
		}},
		{"a build that fails", "heroku:api", "Build failed -- check your build output: https://x", "[change]", map[string]string{
			"action": "created", "object_category": "build", "status": "failure", "detail": "check your build output: https://x",
		}},
		{"a build that begins", "heroku:api", "Build started by user a@b.c", "[]", map[string]string{"event": "build_started", "action": ""}},
		{"an error of a dyno", "heroku:system", "Error R14 (Memory quota exceeded)", "[]", map[string]string{"code": "R14", "desc": "Memory quota exceeded"}},
		{"memory", "heroku:system", "source=web.1 dyno=heroku.1.x sample#memory_total=21.22MB sample#memory_rss=1.00MB sample#memory_pgpgin=3pages", "[]", map[string]string{
			"memory_total": "22250783", "memory_rss": "1048576", "memory_pgpgin": "3", "host": "shop",
		}},
		{"an app's own", "heroku:app", "status=200", "[]", map[string]string{"action": ""}},
	} {
		got, tags := s.search(t, indexed{sourcetype: c.sourcetype, host: "shop", raw: c.raw, fields: map[string]string{"heroku_app": "shop"}})
		if fmt.Sprint(tags) != c.tags {
			t.Errorf("%s: tags %v, want %s", c.name, tags, c.tags)
		}
		for field, want := range c.want {
			if got[field] != want {
				t.Errorf("%s: %s is %q, want %q", c.name, field, got[field], want)
			}
		}
	}
}

// Of every line that Heroku's samples have, a search finds what Drainline's own parser does, under the same names.
func TestAddOnAgreesWithTheParser(t *testing.T) {
	t.Parallel()
	const golden = "../../services/transform/internal/heroku/testdata/fields.golden"
	s, compared := newSearcher(t), 0
	// Drainline knows what a code stands for where the line does not say it, and converts units that no line of today has.
	unlike := map[string]bool{"connect=1.5s": true, "code=H10 method": true, "Error L12:": true, "Error L13:": true}
	// What a search is spared: words that are a line's only content, and what Postgres writes.
	left := []string{
		"source", "dyno_id", "level", "message", "pid", "database", "connection_source", "user", "application_name", "duration",
		"memory", "memory_percent", "drain", "detail", "command", "event", "severity", "msg", "rate_limit",
	}
	sample := regexp.MustCompile(`(?m)^(router|system|api|addon) (".*")\n  (?:-|debug|info|warning|error|critical)(.*)$`)
	pair := regexp.MustCompile(`(\S+?)\*?=("(?:[^"\\]|\\.)*"|\S+)`)
	for _, m := range sample.FindAllStringSubmatch(read(t, golden), -1) {
		line, err := strconv.Unquote(m[2])
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(slices.Collect(maps.Keys(unlike)), func(part string) bool { return strings.Contains(line, part) }) {
			continue
		}
		got, _ := s.search(t, indexed{sourcetype: "heroku:" + m[1], host: "shop", raw: line})
		// The text of a quoted value is escaped in the line, and stays so in Splunk.
		got["path"] = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(got["path"])
		for _, p := range pair.FindAllStringSubmatch(m[3], -1) {
			name, want := strings.ReplaceAll(p[1], "-", "_"), p[2]
			if unquoted, err := strconv.Unquote(want); err == nil {
				want = unquoted
			}
			if name == "host" && m[1] == "router" {
				name = "http_host"
			}
			value, ok := got[name]
			if strings.Contains(name, "#") || !ok && (slices.Contains(left, name) || m[1] == "router" && (name == "new" || name == "other")) {
				continue
			}
			if compared++; !same(value, want) {
				t.Errorf("%s: a search finds %s=%q, Drainline %q", line, name, value, want)
			}
		}
	}
	if compared < 150 {
		t.Errorf("only %d fields were compared", compared)
	}
}

// same compares numbers by their size, 1 being as good as 1.0.
func same(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return a == b || errX == nil && errY == nil && x == y
}

// Events that Drainline delivers of every vector have the same fields of the data models in each format.
func TestAddOnReadsWhatDrainlineSends(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	formats := []string{"text", "splunk_raw", "json"}
	sims, destinations := map[string]*splunk.Splunk{}, ""
	const token = "11111111-2222-3333-4444-555555555555"
	for _, format := range formats {
		sims[format] = splunk.New(splunk.Options{Tokens: map[string]splunk.Token{token: {}}, KeepEvents: 1000})
		server := httptest.NewServer(sims[format])
		t.Cleanup(server.Close)
		destinations += fmt.Sprintf("  %s: {urls: [%q], token: %q, format: %s, batch: {linger: 1ms}}\n", format, server.URL, token, format)
	}
	door, admin := port.Free(t), port.Free(t)
	settings := fmt.Sprintf("bus: {embedded: {dir: %q}}\nadmin: {listen: %q}\ningest: {logplex: {listen: %q}}\ndestinations:\n%s",
		filepath.Join(dir, "data"), admin, door, destinations)
	file := filepath.Join(dir, "drainline.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	run := process.Command{
		Name: "drainline run", Env: process.Environ(t, "DRAINLINE_DRAIN_SECRET=secret"),
		Args: []string{program(t, "drainline"), "run", "--config", file},
	}.Start(t)
	process.Eventually(t, "drainline takes requests", func() bool {
		status, _ := get(t, "http://"+admin+"/readyz")
		return status == http.StatusOK
	})

	var vectors []struct {
		ID     string `json:"id"`
		Body   []byte `json:"b64"`
		Frames int    `json:"frames"`
	}
	if err := json.Unmarshal([]byte(read(t, "../testdata/logplex_vectors.json")), &vectors); err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, v := range vectors {
		if v.Frames == 0 {
			continue
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://:secret@"+door+"/logs/shop", bytes.NewReader(v.Body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/logplex-1")
		request.Header.Set("Logplex-Drain-Token", "d.01234567-89ab-cdef-0123-456789abcdef")
		request.Header.Set("Logplex-Frame-Id", v.ID)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		want += v.Frames
		process.Eventually(t, v.ID+" is delivered", func() bool {
			return !slices.ContainsFunc(formats, func(format string) bool { return len(sims[format].Events()) < want })
		})
	}

	run.Stop()
	s, tagged := newSearcher(t), map[string]int{}
	models := map[string][]string{
		"web":    {"http_method", "url", "uri_path", "uri_query", "site", "dest", "src", "status", "action", "bytes", "response_time", "duration", "app"},
		"change": {"action", "object", "object_category", "status", "user", "dest", "change_type"},
	}
	escaped := strings.NewReplacer(`\"`, `"`, `\\`, `\`)
	for i, plain := range sims["text"].Events() {
		fields, tags := s.search(t, delivered(plain))
		for _, tag := range tags {
			tagged[tag]++
		}
		for _, format := range formats[1:] {
			event := sims[format].Events()[i]
			others, otherTags := s.search(t, delivered(event))
			if !slices.Equal(tags, otherTags) {
				t.Errorf("%q: tags %v, of %s %v", plain.Text(), tags, format, otherTags)
			}
			for _, tag := range tags {
				for _, name := range models[tag] {
					if a, b := escaped.Replace(fields[name]), escaped.Replace(others[name]); !same(a, b) {
						t.Errorf("%q: %s is %q, of %s %q", plain.Text(), name, a, format, b)
					}
				}
			}
		}
	}
	if tagged["web"] < 4 || tagged["change"] < 5 {
		t.Errorf("events by tag: %v", tagged)
	}
}

// delivered is an event that Splunk's simulator has, as a search begins with it.
func delivered(e splunk.Event) indexed {
	fields := map[string]string{}
	for name, value := range e.Fields {
		fields[name] = fmt.Sprint(value)
	}
	return indexed{sourcetype: e.Sourcetype, host: e.Host, raw: e.Text(), fields: fields}
}
