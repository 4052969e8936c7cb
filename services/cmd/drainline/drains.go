package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/app"
)

func drainsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "drains", Short: "Work with the list of log drains", Example: "  heroku drains --json -a shop | drainline drains import --app shop",
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(drainsImportCommand())
	return cmd
}

func drainsImportCommand() *cobra.Command {
	i := drainsImport{seen: map[string]bool{}}
	cmd := &cobra.Command{
		Use:   "import [FILE...]",
		Short: "Make configuration of what `heroku drains --json` prints",
		Long: `Make entries for drains in a configuration file of what "heroku drains --json"
prints, read from files or standard input. Heroku does not say there which app it is:
name it with --app, one run for each app. A comment shows the host that a drain points
to, without the credentials in its URL.`,
		Example: `  heroku drains --json -a shop | drainline drains import --app shop > drains.d/shop.yaml
  drainline drains import --app shop --index web shop.json shop-eu.json`,
		RunE: i.run,
	}
	cmd.Flags().StringVar(&i.defaults.App, "app", "", "the `name` of the app that the drains belong to")
	cmd.Flags().StringVar(&i.defaults.Index, "index", "", "the `index` of their events")
	return cmd
}

// herokuDrain is what matters of a log drain in Heroku's Platform API.
type herokuDrain struct {
	Token string `json:"token"`
	URL   string `json:"url"`
}

// drainsImport is one run of `drainline drains import`.
type drainsImport struct {
	defaults config.Drain
	drains   []herokuDrain
	seen     map[string]bool // tokens
}

func (i *drainsImport) run(cmd *cobra.Command, files []string) error {
	probe := i.defaults
	probe.Token = "d"
	if err := probe.Check(); err != nil {
		return &app.UsageError{Err: fmt.Errorf("flags: %w", err)}
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, file := range files {
		if err := i.readFile(cmd, file); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), i.yaml()); err != nil {
		return fmt.Errorf("writing the drains: %w", err)
	}
	return nil
}

func (i *drainsImport) readFile(cmd *cobra.Command, name string) (err error) {
	if name == "-" {
		return i.read(cmd.InOrStdin(), "standard input", cmd.ErrOrStderr())
	}
	file, err := os.Open(name) //nolint:gosec // the operator names the files
	if err != nil {
		return fmt.Errorf("reading drains: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return i.read(file, name, cmd.ErrOrStderr())
}

// read takes one array or several after each other, as a loop over apps prints
// them.
func (i *drainsImport) read(r io.Reader, name string, skipped io.Writer) error {
	decoder := json.NewDecoder(r)
	for first := true; ; first = false {
		var list []herokuDrain
		err := decoder.Decode(&list)
		if errors.Is(err, io.EOF) && !first {
			return nil
		}
		if err == nil && list == nil {
			err = errors.New("null is no list")
		}
		if err != nil { // also where there is nothing: heroku has failed, and the drains of before are still there
			return fmt.Errorf("%s: not what `heroku drains --json` prints: %w", name, err)
		}
		for n, d := range list {
			if err := i.add(d); err != nil {
				fmt.Fprintf(skipped, "drainline: %s: drain %d is skipped: %v\n", name, n+1, err)
			}
		}
	}
}

// add takes a drain unless it is there already.
func (i *drainsImport) add(d herokuDrain) error {
	switch {
	case d.Token == "":
		return errors.New("it has no token")
	case strings.Contains(d.Token, "://"):
		return errors.New("its token is a URL, which may have a secret")
	}
	if err := (config.Drain{Token: d.Token}).Check(); err != nil {
		return err
	}
	if !i.seen[d.Token] {
		i.seen[d.Token] = true
		i.drains = append(i.drains, d)
	}
	return nil
}

func (i *drainsImport) yaml() string {
	var b strings.Builder
	b.WriteString("# What `heroku drains --json` printed. A file that the key `include` names may hold it.\ndrains:")
	if len(i.drains) == 0 {
		b.WriteString(" []")
	}
	b.WriteByte('\n')
	for _, d := range i.drains {
		if host := hostOf(d.URL); host != "" {
			fmt.Fprintf(&b, "  # %s\n", host)
		}
		fmt.Fprintf(&b, "  - token: %s\n", quoted(d.Token))
		if i.defaults.App != "" {
			fmt.Fprintf(&b, "    app: %s\n", quoted(i.defaults.App))
		}
		if i.defaults.Index != "" {
			fmt.Fprintf(&b, "    index: %s\n", quoted(i.defaults.Index))
		}
	}
	return b.String()
}

// quoted is visible ASCII text as YAML, where it is not taken for a number or a
// variable.
func quoted(s string) string { return strconv.Quote(strings.ReplaceAll(s, "$", "$$")) }

var plainHost = regexp.MustCompile(`^[A-Za-z0-9._:\[\]-]+$`)

// hostOf is the host that a URL points to, with its port. A URL that is not
// certain to keep its secrets before the host has none.
func hostOf(drainURL string) string {
	u, err := url.Parse(drainURL)
	if err != nil || !plainHost.MatchString(u.Host) {
		return ""
	}
	if at := strings.Count(drainURL, "@"); at > 1 || at == 1 && u.User == nil {
		return "" // such as https://user:1/2@host, whose password has a slash
	}
	return u.Host
}
