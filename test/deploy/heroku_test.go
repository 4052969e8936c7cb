package deploy

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/internal/process"
)

const herokuFolder = "../../deploy/heroku"

// herokuApp is what matters of an app.json.
type herokuApp struct {
	Env map[string]struct {
		Description string `json:"description"`
		Value       string `json:"value"`
		Required    *bool  `json:"required"`
		Generator   string `json:"generator"`
	} `json:"env"`
	Formation map[string]struct {
		Quantity int `json:"quantity"`
	} `json:"formation"`
	Buildpacks []struct {
		URL string `json:"url"`
	} `json:"buildpacks"`
}

func readHerokuApp(t *testing.T) herokuApp {
	t.Helper()
	var app herokuApp
	if err := json.Unmarshal([]byte(read(t, filepath.Join(herokuFolder, "app.json"))), &app); err != nil {
		t.Fatal(err)
	}
	return app
}

// slug is the app as the Go buildpack leaves it: the branch that the page makes, with the
// program that go.mod names installed in bin/.
func slug(t *testing.T, app *herokuApp) string {
	t.Helper()
	dir := t.TempDir()
	do(t, "", nil, "sh", "-euc", `
		chmod 755 "$1"
		cp -r ../../go.work ../../go.work.sum ../../proto ../../config ../../services ../../test "$1"
		cp ../../deploy/heroku/go.mod ../../deploy/heroku/Procfile ../../deploy/heroku/app.json ../../deploy/heroku/drainline.yaml "$1"`, "sh", dir)
	spec := regexp.MustCompile(`(?m)^// \+heroku install (\S+)$`).FindStringSubmatch(read(t, filepath.Join(dir, "go.mod")))
	if spec == nil {
		t.Fatal("go.mod does not say what to install")
	}
	// Without the folder's name in it, what was compiled for one test serves the next.
	env := []string{"GOBIN=" + filepath.Join(dir, "bin"), "GOFLAGS=-trimpath", "GOTOOLCHAIN=local"}
	do(t, dir, env, "go", "install", "-v", "-tags", "heroku", "-ldflags", "-X "+app.Env["GO_LINKER_SYMBOL"].Value+"=0123abcd", spec[1])
	return dir
}

// typed runs a command in a shell whose heroku says what it was asked to do, and knows the
// one config var.
func typed(t *testing.T, command, secret string) string {
	t.Helper()
	return do(t, "", []string{"SECRET=" + secret}, "bash", "-euc", `heroku() {
		if [ "$*" = "config:get DRAINLINE_DRAIN_SECRET --app my-logs" ]; then echo "$SECRET"; else echo "$*"; fi
	}
	`+command)
}

// Ingest runs as a dyno's web process: config vars and PORT, the configuration and the
// authority of the branch, no file that it may write, and NATS elsewhere, that knows its key.
func TestHeroku(t *testing.T) {
	t.Parallel()
	app := readHerokuApp(t)
	web := regexp.MustCompile(`(?m)^web: (.+)$`).FindStringSubmatch(read(t, filepath.Join(herokuFolder, "Procfile")))
	if web == nil || app.Formation["web"].Quantity < 2 || len(app.Buildpacks) != 1 || app.Buildpacks[0].URL != "heroku/go" {
		t.Fatalf("Procfile %q, app.json %+v", web, app)
	}
	dir := slug(t, &app)
	drainline, server := program(t, "drainline"), natsWithUsers(t)
	address := server.address
	do(t, "", nil, "cp", filepath.Join(server.keys, "ca.pem"), dir)
	bus := "DRAINLINE_BUS__URL=tls://" + address
	apply := process.Command{
		Name: "streams apply", Args: []string{drainline, "streams", "apply"},
		Env: process.Environ(t, bus, "DRAINLINE_BUS__TLS__CA_FILE="+dir+"/ca.pem", "DRAINLINE_BUS__NKEY_FILE="+server.keys+"/admin.nk",
			"SPLUNK_HEC_URL=http://127.0.0.1:1", "SPLUNK_HEC_TOKEN=any"),
	}.Start(t)
	if code := apply.Exit(); code != 0 {
		t.Fatalf("%d: %s", code, apply.Output())
	}

	door := port.Free(t)
	_, number, _ := strings.Cut(door, ":")
	vars := map[string]string{
		"DRAINLINE_BUS__URL": "tls://" + address, "DRAINLINE_BUS__TLS__CA_FILE": "ca.pem", "DRAINLINE_INGEST__PUBLIC_URL": "https://my-logs-0123456789ab.herokuapp.com/", "DYNO": "web.1",
		"DRAINLINE_BUS__NKEY": strings.TrimSpace(read(t, filepath.Join(server.keys, "ingest.nk"))), "DRAINLINE_DRAIN_SECRET": strings.Repeat("0a", 32),
		"PORT": number, "HOME": "/app", "PATH": "/usr/bin:/bin",
		"DRAINLINE_ADMIN__LISTEN": port.Free(t), // a dyno has 9600 for itself
	}
	var env []string
	for name, v := range app.Env {
		if _, given := vars[name]; !given && v.Value == "" {
			t.Errorf("app.json asks for %s, and this test does not give it", name)
		}
		if v.Value != "" {
			vars[name] = v.Value
		}
	}
	for name, value := range vars {
		env = append(env, name+"="+value)
	}
	dyno := container{
		name: "web", image: &image{root: t.TempDir(), user: imageUser, entrypoint: []string{"env", "-C", "/app", "bash", "-c"}},
		args: []string{"exec " + web[1]}, env: env,
		mounted: [][2]string{{dir, "/app"}},
	}
	for _, folder := range programFolders {
		dyno.mounted = append(dyno.mounted, [2]string{folder, folder})
	}
	do(t, "", nil, "chmod", "755", dyno.image.root)
	p := dyno.start(t)
	p.Line(`drain URL\s+https://drain:\*\*\*@my-logs-0123456789ab\.herokuapp\.com/logs`)
	command := p.Line(`add a drain\s+(heroku drains:add .*)`)
	if got, want := typed(t, command, vars["DRAINLINE_DRAIN_SECRET"]),
		"drains:add https://drain:"+vars["DRAINLINE_DRAIN_SECRET"]+"@my-logs-0123456789ab.herokuapp.com/logs/APP --app APP\n"; got != want {
		t.Errorf("%s does %s", command, got)
	}
	do(t, "", nil, drainline, "send", "http://drain:"+vars["DRAINLINE_DRAIN_SECRET"]+"@"+door+"/logs/shop", "--count", "50", "--quiet")
	// Heroku kills what has not ended after 30 s, also when the bus is away.
	server.Stop()
	asked := time.Now()
	p.Stop()
	if took := time.Since(asked); took > 30*time.Second {
		t.Errorf("it took %v to end", took)
	}
}
