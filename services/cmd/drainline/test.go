package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/cmd/drainline/internal/capture"
	"github.com/drainline/drainline/services/cmd/drainline/internal/cases"
	"github.com/drainline/drainline/services/cmd/drainline/internal/sender"
	"github.com/drainline/drainline/services/internal/app"
)

const testHelp = `Try rules without running anything: what lines become is compared with what a file of
cases expects, or added up over a capture. It needs no secrets and no network, and comes
to the same everywhere: a placeholder stands for secrets, also for a redaction.key that is
set, and SPLUNK_HEC_URL and its like are not looked at.

CASES are YAML files. Each names its configuration under config, relative to itself, or
--config names it for all; one of both has to be there, and --config wins.

  config: ../drainline.yaml             # or a list of files
  cases:
    - name: health checks are dropped
      drain: d.01234567-89ab-cdef-0123-456789abcdef
      input:
        - {process: router, line: 'at=info method=GET path="/healthz" status=200'}
      events: []
      filtered: 1
    - name: errors of the router go to an index of their own
      app: shop
      input: {process: router, line: 'at=error code=H12 path="/" status=503'}
      events:
        - {index: web_errors, host: shop, fields: {heroku_code: H12, heroku_dyno: null}}

What a request says of its lines, all optional: drain (token), app (in the URL's path),
query (a map), credential (a name), door (logplex or hec), marks, received (a time, by
which limits count).
An input is a text, or a map with one of
  line, lines   a line, or one each; with process (web.1), app (the frame's APPNAME, chosen
                by the process: heroku for router), host, priority and time
  frame         frames with their lengths, as Heroku sends them
  hec           HEC envelopes, as JSON or as YAML
  raw           a body of HEC's raw endpoint
and with received, and repeat (so many times). The inputs of a case are one run, in order;
lines that are joined do not wait beyond its end. Times are 2026-01-01T00:00:00Z where
nothing else is said. What comes out of a run is in the order of the input, lines that
were joined where the first of them was; a metric that rules make of a line is behind it.
Of one envelope, what split_arrays makes is token by token.
Expected are, at least one of them,
  events        a list in order, [] for none, or a number
  filtered      how many rules dropped
  dead          reasons of dead letters: over_limit, or {reason: over_limit, count: 3};
                without it there must be none
Of an event the keys are compared that are named: time, host, source, sourcetype, index,
token (the name of the HEC token that a rule chose, "" for the destination's own), kind,
code, app, process, dyno, message (the text), json (a body that is JSON, of objects the
keys that are named), fields (indexed fields, null for one that must not be there) and
destination (exactly those that get it; an event that is the same for several is listed
once).

A CAPTURE has bodies of Heroku drains one after another, as they were posted, or HEC
envelopes, one a line. What becomes of it is counted by app, index and sourcetype, in
events and in bytes of Splunk's license (the length of _raw; at most 150 of a metric
event), with --against for two configurations. Undecodable bytes are counted and passed
over. Limits go by the times of the lines.

Whatever stores the bodies of requests makes a capture. This does, until Ctrl-C, of a
second drain of an app (behind a proxy with TLS), or of drainline send:

python3 -c '
from http.server import *
class Store(BaseHTTPRequestHandler):
    def do_POST(self):
        with open("monday.bin", "ab") as f:
            f.write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
HTTPServer(("127.0.0.1", 8099), Store).serve_forever()'

It ends with 1 when a case fails, with 2 when a file or the configuration is wrong, or
when --run matches no case.`

const testExample = `  drainline test rules_test.yaml teams/*_test.yaml
  drainline test --config drainline.yaml --run 'health' -v rules_test.yaml
  drainline test -o junit rules_test.yaml > report.xml
  drainline test --config new.yaml --against old.yaml --capture monday.bin --app shop`

// testOptions are the flags of `drainline test`.
type testOptions struct {
	app.Flags
	run      string
	verbose  bool
	output   string
	captures []string
	against  []string
	facts    sender.Facts
}

func testCommand() *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use: "test [FILE...]", Short: "Try rules on test cases or on a capture", Long: testHelp, Example: testExample,
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := o.check(files); err != nil {
				return &app.UsageError{Err: err}
			}
			if len(o.captures) > 0 {
				return o.measure(cmd)
			}
			return o.test(cmd.OutOrStdout(), files)
		},
	}
	f := cmd.Flags()
	o.Add(cmd)
	f.StringVar(&o.run, "run", "", "run the cases whose name matches this `regexp` only")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show what came out of cases that are fine, too")
	f.StringVarP(&o.output, "output", "o", "", "print `json|junit`; a capture's report can be json")
	f.StringArrayVar(&o.captures, "capture", nil, "measure this `file` of captured requests; - is standard input; repeat it for more")
	f.StringArrayVar(&o.against, "against", nil, "compare with the configuration of this `file`; repeat it as --config")
	f.StringVar(&o.facts.Drain, "drain", "", "the `token` of the drain of a capture")
	f.StringVar(&o.facts.App, "app", "", "the `name` of the app in the URL of a capture's drain")
	f.StringVar(&o.facts.Credential, "credential", "", "the `name` of the credential, or HEC token, of a capture")
	return cmd
}

// check refuses flags that do not go together.
func (o *testOptions) check(files []string) error {
	capturing := len(o.captures) > 0
	outputs := []string{"", "json", "junit"}
	if capturing {
		outputs = []string{"", "json"}
	}
	switch {
	case !slices.Contains(outputs, o.output):
		return fmt.Errorf("-o %s: want %s, or nothing for people", o.output, strings.Join(outputs[1:], " or "))
	case capturing && len(files) > 0:
		return errors.New("test either FILEs or --capture, not both")
	case capturing && o.run != "":
		return errors.New("--run is for cases, not for --capture")
	case capturing && o.verbose:
		return errors.New("-v is for cases, not for --capture")
	case capturing:
		return nil
	case len(files) == 0:
		return errors.New("give FILEs with test cases, or --capture; see drainline test --help")
	case len(o.against) > 0 || o.facts.Drain != "" || o.facts.App != "" || o.facts.Credential != "":
		return errors.New("--against, --drain, --app and --credential are for --capture")
	}
	return nil
}

// test runs files of cases.
func (o *testOptions) test(out io.Writer, names []string) error {
	only, err := regexp.Compile(o.run)
	if err != nil {
		return &app.UsageError{Err: fmt.Errorf("--run: %w", err)}
	}
	files, err := readCases(names)
	if err != nil {
		return &app.UsageError{Err: err}
	}
	report := cases.Report{Files: len(files)}
	configs := map[string]*config.Config{}
	total := 0
	for _, f := range files {
		settings, err := o.settingsOf(f, configs)
		if err != nil {
			return err
		}
		for i := range f.Cases {
			total++
			if !only.MatchString(f.Cases[i].Name) {
				continue
			}
			result, err := f.Cases[i].Run(settings)
			if err != nil {
				return &app.UsageError{Err: err}
			}
			report.Results = append(report.Results, result)
		}
	}
	if len(report.Results) == 0 {
		return &app.UsageError{Err: fmt.Errorf("--run %s: matches none of %d cases", o.run, total)}
	}
	if err := o.print(out, &report); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if failed := report.Failed(); failed > 0 {
		return fmt.Errorf("%d of %d cases failed", failed, len(report.Results))
	}
	return nil
}

// readCases reads all files, so that every mistake in them is told at once.
func readCases(names []string) ([]*cases.File, error) {
	files, mistakes := make([]*cases.File, len(names)), make([]error, len(names))
	for i, name := range names {
		files[i], mistakes[i] = cases.Read(name)
	}
	return files, errors.Join(mistakes...)
}

func (o *testOptions) print(out io.Writer, report *cases.Report) error {
	switch o.output {
	case "json":
		return report.WriteJSON(out)
	case "junit":
		return report.WriteJUnit(out)
	default:
		return report.WriteText(out, o.verbose)
	}
}

// settingsOf is the configuration of a file of cases. Files that name the same share it.
func (o *testOptions) settingsOf(f *cases.File, known map[string]*config.Config) (*config.Config, error) {
	loader, err := o.Loader()
	if err != nil {
		return nil, err
	}
	loader.Offline = true
	if len(loader.Files) == 0 {
		loader.Files = f.Configs
	}
	if len(loader.Files) == 0 {
		return nil, &app.UsageError{Err: fmt.Errorf("%s: it names no configuration: begin it with config: FILE, or give --config", f.Name)}
	}
	key := strings.Join(loader.Files, "\n")
	if c, ok := known[key]; ok {
		return c, nil
	}
	c, err := loadRules(loader)
	if err != nil {
		return nil, err
	}
	known[key] = c
	return c, nil
}

// measure runs captures through one configuration or two.
func (o *testOptions) measure(cmd *cobra.Command) error {
	loader, err := o.Loader()
	if err != nil {
		return err
	}
	loader.Offline = true
	settings, err := loadRules(loader)
	if err != nil {
		return err
	}
	var older *config.Config
	if len(o.against) > 0 {
		loader.Files = o.against
		if older, err = loadRules(loader); err != nil {
			return fmt.Errorf("--against: %w", err)
		}
	}
	run, err := capture.New(settings, older, o.facts)
	if err != nil {
		return &app.UsageError{Err: err}
	}
	for _, name := range o.captures {
		if err := addCapture(run, name, cmd.InOrStdin()); err != nil {
			return captureError(name, err)
		}
	}
	report := run.Report()
	write := report.WriteText
	if o.output == "json" {
		write = report.WriteJSON
	}
	if err := write(cmd.OutOrStdout()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if n := report.Appless(); n > 0 && o.facts.App == "" && o.facts.Drain == "" && (limitedToApps(settings) || limitedToApps(older)) {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: of %d events no app is known, and rules that are limited to apps pass them over: "+
			"say whose drain it was with --app or --drain\n", n)
	}
	return nil
}

func limitedToApps(c *config.Config) bool {
	return c != nil && slices.ContainsFunc(c.Rules, func(r config.Rule) bool { return len(r.Apps) > 0 || len(r.Scope) > 0 })
}

// captureError tells a capture that is none from one that cannot be read.
func captureError(name string, err error) error {
	told := fmt.Errorf("--capture %s: %w", name, err)
	if _, wrong := errors.AsType[*capture.InputError](err); wrong {
		return &app.UsageError{Err: told}
	}
	return told
}

func addCapture(run *capture.Run, name string, stdin io.Reader) (err error) {
	if name == "-" {
		return run.Add(stdin)
	}
	file, err := os.Open(name) //nolint:gosec // the operator names the files
	if err != nil {
		return err //nolint:wrapcheck // wrapped by measure
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return run.Add(file)
}
