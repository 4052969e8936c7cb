package config_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drainline/drainline/config"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  string
		get  func(*config.Config) any
		want string
	}{
		{"DRAINLINE_BUS__URL=nats://a:4222", func(c *config.Config) any { return c.Bus.URL }, "nats://a:4222"},
		{"DRAINLINE_BUS__REPLICAS=3", func(c *config.Config) any { return c.Bus.Replicas }, "3"},
		{"DRAINLINE_BUS__CONNECT_TIMEOUT=1m", func(c *config.Config) any { return c.Bus.ConnectTimeout }, "1m0s"},
		{"DRAINLINE_BUS__RAW__MAX_BYTES=2GiB", func(c *config.Config) any { return c.Bus.Raw.MaxBytes }, "2GiB"},
		{"DRAINLINE_BUS__TLS__INSECURE_SKIP_VERIFY=true", func(c *config.Config) any { return c.Bus.TLS.InsecureSkipVerify }, "true"},
		{"DRAINLINE_INGEST__LOGPLEX__PATHS=/a, /b,/c", func(c *config.Config) any { return c.Ingest.Logplex.Paths }, "[/a /b /c]"},
		{"DRAINLINE_INGEST__LOGPLEX__QUERY_FIELDS=", func(c *config.Config) any { return c.Ingest.Logplex.QueryFields }, "[]"},
		{"DRAINLINE_INGEST__LOGPLEX__CREDENTIALS__TEAM_A__SECRET=s", func(c *config.Config) any {
			return c.Ingest.Logplex.Credentials["team_a"].Secret.Reveal()
		}, "s"},
		{"DRAINLINE_INGEST__HEC__TLS__MIN_VERSION=1.3", func(c *config.Config) any { return c.Ingest.HEC.TLS.MinVersion }, "1.3"},
		{"DRAINLINE_INGEST__HEC__TRUSTED_PROXIES=10.1.2.3/8,::1", func(c *config.Config) any { return c.Ingest.HEC.TrustedProxies }, "[10.0.0.0/8 ::1/128]"},
		{"DRAINLINE_INGEST__HEC__TOKENS__WEB__TOKEN=s", func(c *config.Config) any { return c.Ingest.HEC.Tokens["web"].Token.Reveal() }, "s"},
		{"DRAINLINE_INGEST__IDENTITY__APP_FROM=token, path", func(c *config.Config) any { return c.Ingest.Identity.AppFrom }, "[token path]"},
		{"DRAINLINE_DESTINATIONS__SPLUNK__TOKEN=own", func(c *config.Config) any { return c.Destinations["splunk"].Token.Reveal() }, "own"},
		{"DRAINLINE_DESTINATIONS__SPLUNK__BATCH__MAX_EVENTS=7", func(c *config.Config) any {
			return c.Destinations["splunk"].Batch.MaxEvents
		}, "7"},
		{"DRAINLINE_DESTINATIONS__SPLUNK__GZIP=false", func(c *config.Config) any { return c.Destinations["splunk"].Gzip }, "false"},
		{"SPLUNK_HEC_URL=https://a/services/collector,https://b", func(c *config.Config) any {
			return c.Destinations["splunk"].URLs
		}, "[https://a https://b]"},
		{"SPLUNK_HEC_TOKEN=t", func(c *config.Config) any { return c.Destinations["splunk"].Token.Reveal() }, "t"},
		{"PORT=5000", func(c *config.Config) any { return c.Ingest.Logplex.Listen }, ":5000"},
		{"PORT=", func(c *config.Config) any { return c.Ingest.Logplex.Listen }, ":8080"},
		{"DRAINLINE_DRAIN_SECRET=s3cret", func(c *config.Config) any {
			return c.Ingest.Logplex.Credentials[config.DefaultCredential].Secret.Reveal()
		}, "s3cret"},
		{"DRAINLINE_DRAIN_SECRET=", func(c *config.Config) any { return len(c.Ingest.Logplex.Credentials) }, "0"},
		{"drainline_bus__replicas=x", func(c *config.Config) any { return c.Bus.Replicas }, "1"},
		// What Kubernetes adds for services called drainline and drainline-ingest.
		{"DRAINLINE_SERVICE_HOST=10.0.0.1", func(c *config.Config) any { return c.Bus.Replicas }, "1"},
		{"DRAINLINE_PORT_8080_TCP_ADDR=10.0.0.1", func(c *config.Config) any { return c.Bus.Replicas }, "1"},
		{"DRAINLINE_INGEST_SERVICE_PORT_HTTP=8080", func(c *config.Config) any { return c.Bus.Replicas }, "1"},
		{"DRAINLINE_INGEST_PORT=tcp://10.0.0.1:8080", func(c *config.Config) any { return c.Bus.Replicas }, "1"},
	} {
		t.Run(c.env, func(t *testing.T) {
			t.Parallel()
			got := load(t, config.Loader{Environ: append([]string{c.env}, without(splunk, c.env)...)})
			if got := fmt.Sprint(c.get(got)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// without leaves out the variable that is set otherwise.
func without(environ []string, set string) []string {
	var rest []string
	for _, e := range environ {
		if e[:len("SPLUNK_HEC_T")] != set[:min(len(set), len("SPLUNK_HEC_T"))] {
			rest = append(rest, e)
		}
	}
	return rest
}

func TestEnvironmentProblems(t *testing.T) {
	t.Parallel()
	got := problems(t, config.Loader{Environ: []string{
		"DRAINLINE_INGEST__HOLDD=4s",
		"DRAINLINE_INGEST_HOLD=4s",
		"DRAINLINE_ingest__hold=4s",
		"DRAINLINE_BUS=x",
		"DRAINLINE_INCLUDE=a.yaml",
		"DRAINLINE_BUS__REPLICAS=two",
		"DRAINLINE_DESTINATIONS__SPLUNK-1__TOKEN=hunter2",
		"DRAINLINE_INGEST__LOGPLEX__CREDENTIALS__DEFAULT__SECRET=hunter2",
		"DRAINLINE_DRAIN_SECRET=hunter2@home",
		"SPLUNK_HEC_TOKEN=hunter2",
		"PORT=http",
	}}, "")
	want := []string{
		`DRAINLINE_INGEST_HOLD: is not a known name, the nearest is "DRAINLINE_INGEST__HOLD" (environment)`,
		`DRAINLINE_INGEST__HOLDD: is not a known name, the nearest is "DRAINLINE_INGEST__HOLD" (environment)`,
		`DRAINLINE_ingest__hold: is not a known name, the nearest is "DRAINLINE_INGEST__HOLD" (environment)`,
		"bus: is a section and must have keys below it (DRAINLINE_BUS)",
		"bus.replicas: two: must be 1, 3 or 5 (DRAINLINE_BUS__REPLICAS)",
		"destinations.splunk-1: must be a name of 1 to 32 characters from a-z, 0-9 and _ (DRAINLINE_DESTINATIONS__SPLUNK-1__TOKEN)",
		"destinations.splunk.urls: is missing: give it or SPLUNK_HEC_URL in the environment (SPLUNK_HEC_TOKEN)",
		"include: can only be given in a file (DRAINLINE_INCLUDE)",
		"ingest.logplex.credentials.default: is reserved for DRAINLINE_DRAIN_SECRET; choose another name " +
			"(DRAINLINE_INGEST__LOGPLEX__CREDENTIALS__DEFAULT__SECRET)",
		"ingest.logplex.credentials.default.secret: [redacted]: must be 1 to 256 characters that a URL can carry there " +
			"as they are: letters, digits and ._~!$&'()*+,;=- (DRAINLINE_DRAIN_SECRET)",
		"ingest.logplex.listen: :http: must be an address as host:port, such as 127.0.0.1:8080 or :8080 (PORT)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (- wanted, + found):\n%s", diff)
	}
}

func TestEstablishedNames(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "drainline.yaml", `
destinations:
  prod: {urls: ["${SPLUNK_HEC_URL}"], token: "${SPLUNK_HEC_TOKEN}"}
ingest: {logplex: {listen: "127.0.0.1:${PORT}"}}
`)
	got := load(t, config.Loader{Files: []string{file}, Environ: append([]string{"PORT=5000"}, splunk...)})
	if _, twice := got.Destinations["splunk"]; twice || len(got.Destinations) != 1 {
		t.Errorf("a file that puts SPLUNK_HEC_URL elsewhere has destinations %v", got.Destinations)
	}
	if got.Ingest.Logplex.Listen != "127.0.0.1:5000" {
		t.Errorf("listens on %s", got.Ingest.Logplex.Listen)
	}

	other := write(t, t.TempDir(), "drainline.yaml", "destinations: {archive: {urls: [https://archive], token: a}}")
	got = load(t, config.Loader{Files: []string{other}, Environ: splunk})
	if len(got.Destinations) != 2 {
		t.Errorf("a file with another destination has destinations %v", got.Destinations)
	}

	got = load(t, config.Loader{Environ: append([]string{"DRAINLINE_DESTINATIONS__SPLUNK__TOKEN=own"}, splunk...)})
	if token := got.Destinations["splunk"].Token.Reveal(); token != "own" {
		t.Errorf("SPLUNK_HEC_TOKEN wins over the key's own name: %s", token)
	}
}
