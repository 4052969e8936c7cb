package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/internal/process"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// machine runs pods as processes: what a kubelet does of it that programs can tell.
type machine struct {
	t       *testing.T
	secrets map[string]map[string]string // by name and key
	started map[string]*process.Process
	at      map[string]string // where a pod's port is, by "component port"
}

// start starts a pod's container with its files where the machine has them, and its ports where one is free.
func (m *machine) start(r *manifests, name string) *process.Process {
	m.t.Helper()
	p := r.pods()[name]
	c, dir, component := p.Spec.Containers[0], m.t.TempDir(), p.Labels["app.kubernetes.io/component"]
	moved := []string{}
	for _, mount := range c.VolumeMounts {
		if err := os.Mkdir(filepath.Join(dir, mount.Name), 0o700); err != nil {
			m.t.Fatal(err)
		}
		moved = append(moved, mount.MountPath, mount.Name) // in its working directory, so that all read the same configuration
	}
	move := strings.NewReplacer(moved...)
	for _, v := range p.Spec.Volumes {
		files := map[string]string{}
		switch {
		case v.ConfigMap != nil:
			for key, content := range r.configs[v.ConfigMap.Name].Data {
				files[key] = move.Replace(content)
			}
		case v.Projected != nil:
			m.project(v.Projected.Sources, files)
		}
		for file, content := range files {
			if err := os.WriteFile(filepath.Join(dir, v.Name, file), []byte(content), 0o600); err != nil {
				m.t.Fatal(err)
			}
		}
	}
	image := strings.TrimSuffix(c.Image, ":latest")
	args := []string{program(m.t, map[string]string{
		"drainline": "drainline", "drainline-ingest": "ingest", "drainline-transform": "transform", "drainline-shipper": "shipper",
	}[image])}
	for _, arg := range c.Args {
		args = append(args, move.Replace(arg))
	}
	env := []string{}
	for _, e := range c.Env {
		env = append(env, e.Name+"="+e.Value)
	}
	for _, port := range c.Ports {
		at := m.free(component + " " + port.Name)
		env = append(env, map[string]string{
			"admin": "DRAINLINE_ADMIN__LISTEN", "logplex": "DRAINLINE_INGEST__LOGPLEX__LISTEN", "hec": "DRAINLINE_INGEST__HEC__LISTEN",
		}[port.Name]+"="+at)
	}
	m.started[component] = process.Command{Name: name, Args: args, Env: env, Dir: dir}.Start(m.t)
	return m.started[component]
}

// project makes files of secrets, as a projected volume does.
func (m *machine) project(sources []corev1.VolumeProjection, files map[string]string) {
	m.t.Helper()
	for _, source := range sources {
		secret, ok := m.secrets[source.Secret.Name]
		if !ok {
			m.t.Fatalf("there is no Secret %s", source.Secret.Name)
		}
		if source.Secret.Items == nil {
			maps.Copy(files, secret)
		}
		for _, item := range source.Secret.Items {
			content, ok := secret[item.Key]
			if !ok {
				m.t.Fatalf("the Secret %s has no key %s", source.Secret.Name, item.Key)
			}
			files[item.Path] = content
		}
	}
}

func (m *machine) free(of string) string {
	m.t.Helper()
	m.at[of] = port.Free(m.t)
	return m.at[of]
}

// What the chart starts, with what it mounts and says, takes logs at the paths of its Ingress and delivers them.
func TestChartRuns(t *testing.T) {
	t.Parallel()
	const token, events = "11111111-2222-3333-4444-555555555555", 100
	sim := splunk.New(splunk.Options{Tokens: map[string]splunk.Token{token: {}}, KeepEvents: 2 * events})
	indexer := httptest.NewServer(sim)
	t.Cleanup(indexer.Close)
	drainline, nats, users := program(t, "drainline"), natsWithUsers(t), map[string]string{}
	for _, key := range []string{"ingest.nk", "transform.nk", "shipper.nk", "admin.nk", "ca.pem"} {
		users[key] = read(t, filepath.Join(nats.keys, key))
	}
	r := render(t, fmt.Sprintf(`
config:
  bus: {url: "tls://%s", replicas: 1}
  ingest: {shutdown_delay: 0s, spool: {max_bytes: 64MiB}, hec: {tokens: {web: {token_file: /run/secrets/drainline/web}}}}
  destinations: {splunk: {urls: [%q], token_file: /run/secrets/drainline/splunk}}
ingress: {enabled: true, host: logs.example.com}
`, nats.address, indexer.URL))
	m := &machine{
		t: t, started: map[string]*process.Process{}, at: map[string]string{},
		secrets: map[string]map[string]string{
			"drainline":      {"heroku": "s3cret", "splunk": token, "web": "t0ken"},
			"drainline-nats": users,
		},
	}
	if job := m.start(r, "shop-drainline-topology"); job.Exit() != 0 {
		t.Fatalf("the topology job failed: %s", job.Output())
	}
	configurations := map[string]bool{}
	for _, service := range []string{"shipper", "transform", "ingest"} {
		p := m.start(r, "shop-drainline-"+service)
		c := r.pods()["shop-drainline-"+service].Spec.Containers[0]
		for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
			process.Eventually(t, service+" answers "+probe.HTTPGet.Path, func() bool {
				if p.HasEnded() {
					t.Fatalf("%s ended: %s", service, p.Output())
				}
				status, _ := get(t, "http://"+m.at[service+" "+probe.HTTPGet.Port.StrVal]+probe.HTTPGet.Path)
				return status == http.StatusOK
			})
		}
		var status struct {
			Configuration string `json:"configuration"`
		}
		_, page := get(t, "http://"+m.at[service+" admin"]+"/status")
		if err := json.Unmarshal([]byte(page), &status); err != nil {
			t.Fatal(err)
		}
		configurations[status.Configuration] = true
	}
	if len(configurations) != 1 {
		t.Errorf("the services have different configurations in force: %v", configurations)
	}
	sent := 0
	for _, path := range r.ingresses["shop-drainline-ingest"].Spec.Rules[0].HTTP.Paths {
		door := m.at["ingest "+path.Backend.Service.Port.Name]
		if got, _ := get(t, "http://"+door+"/healthz"); got != http.StatusOK {
			t.Errorf("the health that a load balancer looks at: %d", got)
		}
		if path.Backend.Service.Port.Name == "hec" {
			hello(t, "http://"+door+path.Path, "t0ken")
			sent++
			continue
		}
		send := process.Command{Name: "send", Args: []string{drainline, "send", "http://drain:s3cret@" + door + path.Path + "/shop", "--count", "30", "--quiet"}}.Start(t)
		if code := send.Exit(); code != 0 {
			t.Fatalf("send to %s ended with %d: %s", path.Path, code, send.Output())
		}
		sent += 30
	}
	process.Eventually(t, "all is delivered", func() bool { return len(sim.Events()) >= sent })
	for _, service := range []string{"ingest", "transform", "shipper"} {
		m.started[service].Stop()
	}
	if got := len(sim.Events()); got != sent {
		t.Errorf("%d events are in Splunk, %d were sent", got, sent)
	}
}

// hello sends one event by HEC.
func hello(t *testing.T, url, token string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"event": "hello"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Splunk "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("%s answered %d", url, response.StatusCode)
	}
}
