package deploy

import (
	"bufio"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/internal/process"
)

const (
	unitsFolder = "../../deploy/systemd"
	unitsConfig = unitsFolder + "/drainline.yaml"
	// Where packages put things.
	installedProgram     = "/usr/bin/drainline"
	installedConfig      = "/etc/drainline/drainline.yaml"
	installedCredentials = "/etc/drainline/credentials/"
)

// unit is a systemd unit: the values of each key, in their order.
type unit map[string][]string

func readUnit(t *testing.T, name string) unit {
	t.Helper()
	u := unit{}
	lines := bufio.NewScanner(strings.NewReader(read(t, filepath.Join(unitsFolder, name))))
	for lines.Scan() {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(key, "#") {
			u[key] = append(u[key], value)
		}
	}
	return u
}

// of is the one value of a key.
func (u unit) of(t *testing.T, key string) string {
	t.Helper()
	if len(u[key]) != 1 {
		t.Fatalf("%s is given %d times", key, len(u[key]))
	}
	return u[key][0]
}

// environ is what the unit's process has in its environment, with the credentials in a folder as systemd puts
// them there. A loaded one holds what stands in files, by name.
func (u unit) environ(t *testing.T, files map[string]string) []string {
	t.Helper()
	credentials := t.TempDir()
	for _, c := range u["LoadCredential"] {
		id, file, _ := strings.Cut(c, ":")
		content, ok := files[strings.TrimPrefix(file, installedCredentials)]
		if !ok {
			t.Fatalf("LoadCredential=%s: nobody is told to make %s", c, file)
		}
		if err := os.WriteFile(filepath.Join(credentials, id), []byte(content), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"CREDENTIALS_DIRECTORY=" + credentials}
	for _, e := range u["Environment"] {
		env = append(env, strings.ReplaceAll(e, "%d", credentials))
	}
	return env
}

// command is what the unit starts, with the program and configuration of this test in place of the installed.
func command(t *testing.T, line, program string) []string {
	t.Helper()
	words := strings.Fields(line)
	if words[0] != installedProgram || !slices.Contains(words, installedConfig) {
		t.Fatalf("%q is not %s with %s", line, installedProgram, installedConfig)
	}
	words[0], words[slices.Index(words, installedConfig)] = program, unitsConfig
	return words
}

var units = []string{"drainline.service", "drainline-ingest.service", "drainline-transform.service", "drainline-shipper.service"}

// secretFiles are the files that the README says to make.
var secretFiles = map[string]string{
	"drain_secret": "s3cret\n",
	"splunk_token": "00000000-0000-0000-0000-000000000000\n",
	"ingest.nk":    "SUAJ3KOPOHHU2W2ZPLCFUTCKTZRRN5ZGAZZPM4QHFBO4KKRRCG6Z7IWB6Y\n",
	"transform.nk": "SUAJ3KOPOHHU2W2ZPLCFUTCKTZRRN5ZGAZZPM4QHFBO4KKRRCG6Z7IWB6Y\n",
	"shipper.nk":   "SUAJ3KOPOHHU2W2ZPLCFUTCKTZRRN5ZGAZZPM4QHFBO4KKRRCG6Z7IWB6Y\n",
}

// systemd takes each unit without a word, and finds that it leaves a process next to nothing.
func TestUnits(t *testing.T) {
	t.Parallel()
	drainline := program(t, "drainline")
	if found, err := filepath.Glob(unitsFolder + "/*.*"); err != nil || len(found) != len(units)+len([]string{"README.md", "drainline.yaml"}) {
		t.Fatalf("there are %v (%v): a socket unit would listen while ingest must refuse", found, err)
	}
	for _, name := range units {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := readUnit(t, name)
			checkExposure(t, name, drainline)
			if stop, restart := u.of(t, "TimeoutStopSec"), u.of(t, "RestartPreventExitStatus"); stop != "60" || restart != "2" {
				t.Errorf("TimeoutStopSec=%s RestartPreventExitStatus=%s", stop, restart)
			}
			start := command(t, u.of(t, "ExecStart"), drainline)
			help, err := exec.CommandContext(t.Context(), drainline, start[1], "--help").CombinedOutput()
			if err != nil || !strings.Contains(string(help), "Usage:\n  drainline "+start[1]+" [flags]") {
				t.Errorf("%v: %v\n%s", start, err, help)
			}
			env := u.environ(t, secretFiles)
			for _, s := range u["LoadCredential"] {
				id, _, _ := strings.Cut(s, ":")
				if named := "${CREDENTIALS_DIRECTORY}/" + id; !strings.Contains(read(t, unitsConfig), named) && !slices.ContainsFunc(u["Environment"], func(e string) bool { return strings.HasSuffix(e, "=%d/"+id) }) {
					t.Errorf("nothing reads the credential %s", id)
				}
			}
			reload := command(t, u["ExecReload"][0], drainline)
			check := exec.CommandContext(t.Context(), reload[0], reload[1:]...)
			check.Env = env
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s", reload, err, out)
			}
			if start[1] == "run" {
				return // see TestUnitRuns
			}
			// What it loads is enough for it to get as far as a bus that is not there.
			service := exec.CommandContext(t.Context(), start[0], start[1:]...)
			service.Env = slices.Concat(env, []string{"DRAINLINE_BUS__URL=nats://127.0.0.1:1", "DRAINLINE_BUS__CONNECT_TIMEOUT=10ms"})
			out, err := service.CombinedOutput()
			if service.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "nats://127.0.0.1:1") {
				t.Errorf("%v: %v\n%s", start, err, out)
			}
		})
	}
}

// checkExposure has systemd look at a unit, with a program that is there.
func checkExposure(t *testing.T, name, program string) {
	t.Helper()
	const most = "15" // tenths of systemd's ten points; the network alone is worth eight
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(read(t, filepath.Join(unitsFolder, name)), installedProgram, program)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--threshold="+most, file).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// Each service knows the secrets that it uses and no other's.
func TestUnitsSecrets(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"drainline.service":           {"drain_secret", "splunk_token"},
		"drainline-ingest.service":    {"drain_secret", "ingest.nk"},
		"drainline-transform.service": {"transform.nk"},
		"drainline-shipper.service":   {"shipper.nk", "splunk_token"},
	}
	for _, name := range units {
		var loaded []string
		for _, c := range readUnit(t, name)["LoadCredential"] {
			_, file, _ := strings.Cut(c, ":"+installedCredentials)
			loaded = append(loaded, file)
		}
		if slices.Sort(loaded); !slices.Equal(loaded, want[name]) {
			t.Errorf("%s loads %v, want %v", name, loaded, want[name])
		}
	}
	for _, file := range slices.Sorted(maps.Keys(secretFiles)) {
		if !strings.Contains(read(t, unitsFolder+"/README.md"), file) {
			t.Errorf("the README does not say how to make %s", file)
		}
	}
}

// What drainline.service starts takes requests with the secret it was handed, and stops as it should.
func TestUnitRuns(t *testing.T) {
	t.Parallel()
	u := readUnit(t, "drainline.service")
	door, admin := port.Free(t), port.Free(t)
	p := process.Command{
		Name: "drainline.service", Env: u.environ(t, secretFiles),
		Args: append(command(t, u.of(t, "ExecStart"), program(t, "drainline")),
			"--set", "ingest.logplex.listen="+door, "--set", "admin.listen="+admin, "--set", "bus.embedded.dir="+t.TempDir()),
	}.Start(t)
	process.Eventually(t, "it is ready", func() bool {
		if p.HasEnded() {
			t.Fatalf("it ended with %d: %s", p.Exit(), p.Output())
		}
		status, _ := get(t, "http://"+admin+"/readyz")
		return status == http.StatusOK
	})
	for user, want := range map[string]int{":s3cret": http.StatusNoContent, ":wrong": http.StatusUnauthorized} {
		if status := postLogplex(t, "http://"+user+"@"+door+"/logs/shop", natsDrain, "hello there"); status != want {
			t.Errorf("%s: %d, want %d", user, status, want)
		}
	}
	p.Stop()
	if strings.Contains(p.Output(), "s3cret") {
		t.Errorf("the secret was shown:\n%s", p.Output())
	}
}
