package deploy

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/drainline/drainline/test/internal/process"
)

const composeFolder = "../../deploy/compose"

// composition is compose.yaml as `docker compose` reads it, with every profile.
func composition(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(composeFolder, "compose.yaml")}, cli.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// version is that of a module in a go.mod.
func version(t *testing.T, file, module string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(module) + ` v(\S+)`).FindStringSubmatch(read(t, filepath.Join(repository, file)))
	if found == nil {
		t.Fatalf("%s has no %s", file, module)
	}
	return found[1]
}

func TestCompose(t *testing.T) {
	t.Parallel()
	project := composition(t)
	targets := map[string]bool{}
	for _, stage := range newBuilder(t).stages {
		targets[stage.Name] = true
	}
	// Prometheus' 3.9.1 is 0.309.1 for Go.
	prometheus := regexp.MustCompile(`^0\.(\d)0?(\d+)\.(\d+)$`).ReplaceAllString(version(t, "test/go.mod", "github.com/prometheus/prometheus"), "v$1.$2.$3")
	images := map[string]bool{
		"nats:" + version(t, "services/go.mod", "github.com/nats-io/nats-server/v2") + "-alpine": true,
		"prom/prometheus:" + prometheus: true,
		"grafana/grafana:12.3.0":        true,
	}
	for _, s := range project.Services {
		if s.Build == nil {
			continue
		}
		if context, err := filepath.Abs(repository); err != nil || s.Build.Context != context || !targets[s.Build.Target] {
			t.Errorf("%s is built in %s for %s (%v)", s.Name, s.Build.Context, s.Build.Target, err)
		}
		if want := strings.TrimSuffix("drainline-"+s.Build.Target, "-drainline"); s.Image != want {
			t.Errorf("%s is built as %s, want %s", s.Name, s.Image, want)
		}
		images[s.Image] = true
	}
	for _, s := range project.Services {
		if !images[s.Image] {
			t.Errorf("%s: nothing makes %s, or its version is not the one that is tested", s.Name, s.Image)
		}
		confined(t, &s)
		for _, v := range s.Volumes {
			_, err := os.Stat(v.Source)
			if bind := v.Type == types.VolumeTypeBind; bind && (err != nil || !v.ReadOnly) {
				t.Errorf("%s: %s: %v, read only %t", s.Name, v.Source, err, v.ReadOnly)
			}
			// What each sees of the keys is what it needs.
			if v.Source == "keys" && s.Name != "keys" && s.Name != "volumes" && (v.Volume == nil || v.Volume.Subpath == "" || !v.ReadOnly) {
				t.Errorf("%s sees all keys", s.Name)
			}
		}
	}
}

// confined checks that a service may do what it needs and no more, and can stop in peace.
func confined(t *testing.T, s *types.ServiceConfig) {
	t.Helper()
	if !s.ReadOnly || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
		t.Errorf("%s may do more than it needs", s.Name)
	}
	if added := s.Name == "volumes"; (len(s.CapAdd) > 0) != added {
		t.Errorf("%s: capabilities %q", s.Name, s.CapAdd)
	}
	ours := s.Name != "volumes" && s.Name != "prometheus" && s.Name != "grafana"
	if ours && s.User != imageUser {
		t.Errorf("%s runs as %q", s.Name, s.User)
	}
	if ours && s.Restart == types.RestartPolicyUnlessStopped && (s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < time.Minute) {
		t.Errorf("%s: a stop takes up to 40 s, and it has %v", s.Name, s.StopGracePeriod)
	}
	for _, p := range s.Ports {
		if p.HostIP != "127.0.0.1" {
			t.Errorf("%s: port %d is published to everybody", s.Name, p.Target)
		}
	}
}

// What Prometheus and Grafana are given fits what runs beside them.
func TestComposeMetrics(t *testing.T) {
	t.Parallel()
	project := composition(t)
	var prometheus struct {
		Rules  []string `yaml:"rule_files"` //nolint:tagliatelle // Prometheus' name
		Scrape []struct {
			DNS []struct {
				Names []string `yaml:"names"`
				Port  int      `yaml:"port"`
			} `yaml:"dns_sd_configs"` //nolint:tagliatelle // Prometheus' name
		} `yaml:"scrape_configs"` //nolint:tagliatelle // Prometheus' name
	}
	var sources struct {
		Datasources []struct {
			URL string `yaml:"url"`
		} `yaml:"datasources"`
	}
	var dashboards struct {
		Providers []struct {
			Options struct {
				Path string `yaml:"path"`
			} `yaml:"options"`
		} `yaml:"providers"`
	}
	for file, into := range map[string]any{"prometheus.yaml": &prometheus, "grafana.yaml": &sources, "dashboards.yaml": &dashboards} {
		if err := yaml.Unmarshal([]byte(read(t, filepath.Join(composeFolder, file))), into); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	for _, name := range prometheus.Scrape[0].DNS[0].Names {
		if _, ok := project.Services[name]; !ok {
			t.Errorf("prometheus.yaml scrapes %s, which there is not", name)
		}
	}
	if port := prometheus.Scrape[0].DNS[0].Port; port != 9600 {
		t.Errorf("prometheus.yaml scrapes port %d", port)
	}
	if rules := "/etc/prometheus/" + prometheus.Rules[0]; !mounts(project.Services["prometheus"], rules) {
		t.Errorf("%s is not mounted", rules)
	}
	if sources.Datasources[0].URL != "http://prometheus:9090" {
		t.Errorf("grafana asks %s", sources.Datasources[0].URL)
	}
	if path := dashboards.Providers[0].Options.Path + "/drainline.json"; !mounts(project.Services["grafana"], path) {
		t.Errorf("%s is not mounted", path)
	}
}

func mounts(s types.ServiceConfig, target string) bool {
	return slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == target })
}

// replay is `docker compose up` without an engine: the images, commands, environments,
// files, volumes and users of compose.yaml, in the order it wants. All have this machine's
// network, so each has a loopback address of its own, by the name that compose.yaml gives it.
type replay struct {
	t       *testing.T
	project *types.Project
	images  map[string]*image
	volumes map[string]string
	hosts   string // the file
	network string // such as 127.4.5.
	running map[string]*process.Process
}

func newReplay(t *testing.T, b *builder) *replay {
	t.Helper()
	r := &replay{
		t: t, project: composition(t), images: map[string]*image{}, volumes: map[string]string{}, running: map[string]*process.Process{},
		hosts: filepath.Join(t.TempDir(), "hosts"), network: fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), 1+rand.IntN(254)),
	}
	for _, s := range r.project.Services {
		if s.Build != nil {
			r.images[s.Image] = b.build(s.Build.Target)
		}
	}
	r.images[r.project.Services["nats-1"].Image] = natsImage(t)
	for name := range r.project.Volumes {
		r.volumes[name] = t.TempDir() // root's, as an engine's are
		if err := os.Chmod(r.volumes[name], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	hosts := "127.0.0.1 localhost\n"
	for _, name := range r.project.ServiceNames() {
		hosts += r.address(name) + " " + name + "\n"
	}
	if err := os.WriteFile(r.hosts, []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	return r
}

// natsImage stands for NATS' own, which is Alpine with the server.
func natsImage(t *testing.T) *image {
	t.Helper()
	i := &image{name: "nats", root: t.TempDir(), user: "0:0", env: []string{"PATH=/nats:/usr/bin:/bin"}}
	do(t, "", nil, "install", "-D", program(t, "nats-server"), i.root+"/nats/nats-server")
	if err := os.Chmod(i.root, 0o755); err != nil {
		t.Fatal(err)
	}
	return i
}

func (r *replay) address(service string) string {
	return r.network + strconv.Itoa(2+slices.Index(r.project.ServiceNames(), service))
}

// listens are the settings that say where something listens. Containers listen on all
// addresses, of which each has its own.
var listens = regexp.MustCompile(`^(0\.0\.0\.0|127\.0\.0\.1)?(:\d+)$`)

// container is how a service is run, with other arguments than its own where some are given.
func (r *replay) container(service string, args ...string) container {
	r.t.Helper()
	s := r.project.Services[service]
	from, ok := r.images[s.Image]
	if !ok {
		r.t.Fatalf("%s: there is no image %s", service, s.Image)
	}
	i := *from
	if s.Entrypoint != nil {
		i.entrypoint = s.Entrypoint
	}
	if s.WorkingDir != "" {
		i.entrypoint = append([]string{"env", "-C", s.WorkingDir}, i.entrypoint...)
	}
	if args == nil {
		args = s.Command
	}
	env := slices.Clone(i.env)
	for name, value := range s.Environment {
		if value != nil {
			env = append(env, name+"="+*value)
		}
	}
	env = append(env, "DRAINLINE_INGEST__LOGPLEX__LISTEN=:8080")
	for n, setting := range env {
		name, value, _ := strings.Cut(setting, "=")
		if m := listens.FindStringSubmatch(value); m != nil {
			env[n] = name + "=" + r.address(service) + m[2]
		}
	}
	mounted := [][2]string{{r.hosts, "/etc/hosts"}}
	if i.name == "nats" { // its other programs
		for _, folder := range programFolders {
			mounted = append(mounted, [2]string{folder, folder})
		}
	}
	for _, v := range s.Volumes {
		source := v.Source
		if v.Type == types.VolumeTypeVolume {
			source = r.volumes[v.Source]
			if v.Volume != nil {
				source = filepath.Join(source, v.Volume.Subpath)
			}
		}
		mounted = append(mounted, [2]string{source, v.Target})
	}
	return container{name: service, image: &i, args: args, env: env, mounted: mounted, user: s.User}
}

// up starts a service after those that it depends on.
func (r *replay) up(service string) {
	r.t.Helper()
	if r.running[service] != nil {
		return
	}
	s := r.project.Services[service]
	needs := s.GetDependencies()
	slices.Sort(needs)
	for _, needed := range needs {
		r.up(needed)
	}
	for _, needed := range needs {
		p := r.running[needed]
		switch condition := s.DependsOn[needed].Condition; condition {
		case types.ServiceConditionCompletedSuccessfully:
			if code := p.Exit(); code != 0 {
				r.t.Fatalf("%s ended with %d: %s", needed, code, p.Output())
			}
		case types.ServiceConditionHealthy:
			r.healthy(needed)
		default:
			r.t.Fatalf("%s waits for %s to be %s", service, needed, condition)
		}
	}
	r.running[service] = r.container(service).start(r.t)
}

// healthy waits for what a service's health check asks for.
func (r *replay) healthy(service string) {
	r.t.Helper()
	check := r.project.Services[service].HealthCheck.Test
	page := strings.Replace(check[len(check)-1], "127.0.0.1", r.address(service), 1)
	process.Eventually(r.t, service+" is healthy", func() bool {
		if p := r.running[service]; p.HasEnded() {
			r.t.Fatalf("%s has ended: %s", service, p.Output())
		}
		_, health := get(r.t, page)
		return strings.Contains(health, `"ok"`)
	})
}

// run runs a service's program once, with other arguments, and returns what it prints.
func (r *replay) run(service string, args ...string) string {
	r.t.Helper()
	p := r.container(service, args...).start(r.t)
	if code := p.Exit(); code != 0 {
		r.t.Fatalf("%s %q ended with %d: %s", service, args, code, p.Output())
	}
	return p.Output()
}

// composeUp sends lines from the door through the cluster into the inspector, with nothing
// that compose.yaml does not give.
func composeUp(t *testing.T, r *replay) {
	t.Helper()
	for _, name := range []string{"inspector", "ingest", "transform", "shipper"} {
		r.up(name)
	}
	r.running["ingest"].Line(`.*drain URL.*`)
	const lines = 500
	drain := "http://drain:trial@" + r.address("ingest") + ":8080/logs"
	r.run("inspector", "send", drain, "--count", strconv.Itoa(lines), "--quiet")
	delivered := fmt.Sprintf("drainline_shipper_delivered_total{destination=%q} %d\n", "splunk", lines)
	process.Eventually(t, "all is delivered", func() bool {
		_, metrics := get(t, "http://"+r.address("shipper")+":9600/metrics")
		return strings.Contains(metrics, delivered)
	})
	if _, page := get(t, "http://"+r.address("inspector")+":8089/events"); !strings.Contains(page, "heroku:") {
		t.Errorf("the inspector shows %s", page)
	}
	if out := r.run("operator"); !strings.Contains(out, "ingest") || !strings.Contains(out, "shipper") {
		t.Errorf("status shows %s", out)
	}
	// A second `up` finds everything as it is to be.
	for _, done := range []string{"volumes", "keys", "topology"} {
		delete(r.running, done)
		r.up(done)
		if p := r.running[done]; p.Exit() != 0 {
			t.Errorf("%s, again: %s", done, p.Output())
		}
	}
	for _, name := range []string{"ingest", "transform", "shipper", "inspector"} {
		r.running[name].Stop()
	}
	for _, name := range []string{"ingest", "transform", "shipper", "nats-1", "nats-2", "nats-3"} {
		if p := r.running[name]; regexp.MustCompile(`(?i)permissions? violation`).MatchString(p.Output()) {
			t.Errorf("%s: something was denied:\n%s", name, p.Output())
		}
	}
}
