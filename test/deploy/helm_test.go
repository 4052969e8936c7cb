package deploy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

const chartDir = "../../deploy/helm/drainline"

// scaledObject is what the chart uses of KEDA's.
type scaledObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		ScaleTargetRef  autoscalingv2.CrossVersionObjectReference `json:"scaleTargetRef"`  //nolint:tagliatelle // KEDA's name
		MinReplicaCount int32                                     `json:"minReplicaCount"` //nolint:tagliatelle // KEDA's name
		MaxReplicaCount int32                                     `json:"maxReplicaCount"` //nolint:tagliatelle // KEDA's name
		Triggers        []struct {
			Type     string `json:"type"`
			Metadata struct {
				Endpoint string `json:"natsServerMonitoringEndpoint"` //nolint:tagliatelle // KEDA's name
				Account  string `json:"account"`
				Stream   string `json:"stream"`
				Consumer string `json:"consumer"`
				Lag      string `json:"lagThreshold"` //nolint:tagliatelle // KEDA's name
			} `json:"metadata"`
		} `json:"triggers"`
	} `json:"spec"`
}

// manifests are everything that a set of values renders to, by kind.
type manifests struct {
	notes       string
	configs     map[string]*corev1.ConfigMap
	services    map[string]*corev1.Service
	deployments map[string]*appsv1.Deployment
	stateful    map[string]*appsv1.StatefulSet
	jobs        map[string]*batchv1.Job
	scalers     map[string]*autoscalingv2.HorizontalPodAutoscaler
	keda        map[string]*scaledObject
	budgets     map[string]*policyv1.PodDisruptionBudget
	policies    map[string]*networkingv1.NetworkPolicy
	ingresses   map[string]*networkingv1.Ingress
	monitors    map[string]*monitoringv1.ServiceMonitor
	rules       map[string]*monitoringv1.PrometheusRule
}

// pod is what starts pods, whatever its kind.
type pod struct {
	kind     string
	selector *metav1.LabelSelector
	corev1.PodTemplateSpec
}

// pods are those of services and jobs, by the names of these.
func (r *manifests) pods() map[string]pod {
	all := map[string]pod{}
	for name, d := range r.deployments {
		all[name] = pod{d.Kind, d.Spec.Selector, d.Spec.Template}
	}
	for name, s := range r.stateful {
		all[name] = pod{s.Kind, s.Spec.Selector, s.Spec.Template}
	}
	for name, j := range r.jobs {
		all[name] = pod{j.Kind, nil, j.Spec.Template}
	}
	return all
}

// toSplunk is the destination of values that name none: the chart brings none.
var toSplunk = map[string]any{"splunk": map[string]any{"urls": []any{"https://splunk.example.com:8088"}, "token_file": "/run/secrets/drainline/splunk"}}

// render renders the chart as `helm install shop` does, and decodes what comes out without
// passing over anything.
func render(t *testing.T, values string) *manifests {
	t.Helper()
	r, err := tryRender(t, "shop", values)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryRender(t *testing.T, release, values string) (*manifests, error) {
	t.Helper()
	chart, err := loader.LoadDir(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	given, err := loader.LoadValues(strings.NewReader(values))
	if err != nil {
		t.Fatal(err)
	}
	if config, _ := given["config"].(map[string]any); config == nil || config["destinations"] == nil {
		given = loader.MergeMaps(given, map[string]any{"config": map[string]any{"destinations": toSplunk}})
	}
	all, err := util.ToRenderValues(chart, given, common.ReleaseOptions{Name: release, Namespace: "logs", IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: true}.RenderWithContext(t.Context(), chart, all)
	if err != nil {
		return nil, err
	}
	r := &manifests{
		configs: map[string]*corev1.ConfigMap{}, services: map[string]*corev1.Service{}, deployments: map[string]*appsv1.Deployment{},
		stateful: map[string]*appsv1.StatefulSet{}, jobs: map[string]*batchv1.Job{}, scalers: map[string]*autoscalingv2.HorizontalPodAutoscaler{},
		keda: map[string]*scaledObject{}, budgets: map[string]*policyv1.PodDisruptionBudget{}, policies: map[string]*networkingv1.NetworkPolicy{},
		ingresses: map[string]*networkingv1.Ingress{}, monitors: map[string]*monitoringv1.ServiceMonitor{}, rules: map[string]*monitoringv1.PrometheusRule{},
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		switch filepath.Base(path) {
		case "NOTES.txt":
			r.notes = files[path]
		default:
			documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(files[path])))
			for {
				document, err := documents.Read()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				r.add(t, path, document)
			}
		}
	}
	return r, nil
}

// add decodes an object and checks what all have in common.
func (r *manifests) add(t *testing.T, path string, document []byte) {
	t.Helper()
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, document)
	}
	switch kind.APIVersion + " " + kind.Kind {
	case " ": // nothing but comments
	case "v1 ConfigMap":
		decode(t, path, document, r.configs)
	case "v1 Service":
		decode(t, path, document, r.services)
	case "apps/v1 Deployment":
		decode(t, path, document, r.deployments)
	case "apps/v1 StatefulSet":
		decode(t, path, document, r.stateful)
	case "batch/v1 Job":
		decode(t, path, document, r.jobs)
	case "autoscaling/v2 HorizontalPodAutoscaler":
		decode(t, path, document, r.scalers)
	case "keda.sh/v1alpha1 ScaledObject":
		decode(t, path, document, r.keda)
	case "policy/v1 PodDisruptionBudget":
		decode(t, path, document, r.budgets)
	case "networking.k8s.io/v1 NetworkPolicy":
		decode(t, path, document, r.policies)
	case "networking.k8s.io/v1 Ingress":
		decode(t, path, document, r.ingresses)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		decode(t, path, document, r.monitors)
	case "monitoring.coreos.com/v1 PrometheusRule":
		decode(t, path, document, r.rules)
	default:
		t.Errorf("%s: %s of %s, which no test looks at", path, kind.Kind, kind.APIVersion)
	}
}

// decode takes one object, and refuses what its type does not have.
func decode[T any](t *testing.T, path string, document []byte, into map[string]*T) {
	t.Helper()
	object := new(T)
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, document)
	}
	meta, ok := any(object).(metav1.Object)
	if !ok {
		t.Fatalf("%s: %T has no name", path, object)
	}
	if wrong := validation.IsDNS1123Label(meta.GetName()); wrong != nil {
		t.Errorf("%s: name %q: %v", path, meta.GetName(), wrong)
	}
	for key, value := range meta.GetLabels() {
		if wrong := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...); wrong != nil {
			t.Errorf("%s: label %s: %q: %v", path, key, value, wrong)
		}
	}
	if into[meta.GetName()] != nil {
		t.Errorf("%s: there are two %T called %s", path, object, meta.GetName())
	}
	into[meta.GetName()] = object
}

// selects reports whether a selector of nothing but labels selects what has others.
func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}

// selected are the names of what starts the pods that a selector selects, in order.
func (r *manifests) selected(selector map[string]string) []string {
	var names []string
	for name, p := range r.pods() {
		if selects(selector, p.Labels) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// port is the number of a container's port by its name, or 0.
func (p pod) port(name string) int32 {
	for _, port := range p.Spec.Containers[0].Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	return 0
}

// checkReferences fails for what names something that is not there.
func (r *manifests) checkReferences(t *testing.T) {
	t.Helper()
	pods := r.pods()
	for name, p := range pods {
		if p.selector != nil && !slices.Equal(r.selected(p.selector.MatchLabels), []string{name}) {
			t.Errorf("%s selects the pods of %v", name, r.selected(p.selector.MatchLabels))
		}
		r.checkPod(t, name, p)
		policies := 0
		for _, policy := range r.policies {
			if selects(policy.Spec.PodSelector.MatchLabels, p.Labels) {
				policies++
			}
		}
		if len(r.policies) > 0 && policies != 1 {
			t.Errorf("%d NetworkPolicies are about %s", policies, name)
		}
	}
	for name, s := range r.services {
		selected := slices.DeleteFunc(r.selected(s.Spec.Selector), func(name string) bool { return r.jobs[name] != nil })
		if len(selected) == 0 {
			t.Errorf("Service %s selects nothing", name)
		}
		for _, port := range s.Spec.Ports {
			for _, of := range selected {
				if pods[of].port(port.TargetPort.StrVal) == 0 {
					t.Errorf("Service %s: %s has no port %q", name, of, port.TargetPort.StrVal)
				}
			}
		}
	}
	for name, s := range r.stateful {
		if of := r.services[s.Spec.ServiceName]; of == nil || of.Spec.ClusterIP != corev1.ClusterIPNone {
			t.Errorf("%s: there is no headless Service %s", name, s.Spec.ServiceName)
		}
	}
	for name, b := range r.budgets {
		if got := r.selected(b.Spec.Selector.MatchLabels); !slices.Equal(got, []string{name}) {
			t.Errorf("PodDisruptionBudget %s selects the pods of %v", name, got)
		}
	}
	r.checkPolicies(t)
	r.checkWays(t)
	r.checkScaling(t)
}

// checkPolicies fails unless what a pod listens on, and nothing else, is open.
func (r *manifests) checkPolicies(t *testing.T) {
	t.Helper()
	pods := r.pods()
	for name, policy := range r.policies {
		selected := r.selected(policy.Spec.PodSelector.MatchLabels)
		if !slices.Equal(selected, []string{name}) {
			t.Fatalf("NetworkPolicy %s selects the pods of %v", name, selected)
		}
		var open []string
		for _, rule := range policy.Spec.Ingress {
			for _, port := range rule.Ports {
				open = append(open, port.Port.StrVal)
			}
		}
		var has []string
		for _, port := range pods[name].Spec.Containers[0].Ports {
			has = append(has, port.Name)
		}
		if !slices.Equal(open, has) {
			t.Errorf("NetworkPolicy %s opens %v of %v", name, open, has)
		}
	}
}

// checkWays fails for an Ingress or a ServiceMonitor that leads nowhere.
func (r *manifests) checkWays(t *testing.T) {
	t.Helper()
	for name, i := range r.ingresses {
		for _, path := range i.Spec.Rules[0].HTTP.Paths {
			backend := path.Backend.Service
			of := r.services[backend.Name]
			if of == nil || !slices.ContainsFunc(of.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == backend.Port.Name }) {
				t.Errorf("Ingress %s: %s leads to %s, port %s, which is not there", name, path.Path, backend.Name, backend.Port.Name)
			}
		}
	}
	for name, m := range r.monitors {
		var of []string
		for service, s := range r.services {
			if selects(m.Spec.Selector.MatchLabels, s.Labels) && s.Spec.Ports[0].Name == m.Spec.Endpoints[0].Port {
				of = append(of, service)
			}
		}
		if !slices.Equal(of, []string{"shop-drainline-pods"}) {
			t.Errorf("ServiceMonitor %s selects %v", name, of)
		}
	}
}

// checkPod fails for probes, mounts and volumes that lead nowhere.
func (r *manifests) checkPod(t *testing.T, name string, p pod) {
	t.Helper()
	c := p.Spec.Containers[0]
	for _, port := range c.Ports {
		if wrong := validation.IsValidPortName(port.Name); wrong != nil || port.ContainerPort < 1 {
			t.Errorf("%s: port %+v: %v", name, port, wrong)
		}
	}
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		switch {
		case probe == nil && p.kind != "Job":
			t.Errorf("%s lacks a probe", name)
		case probe != nil && (probe.HTTPGet.Port.StrVal != "admin" || p.port("admin") == 0):
			t.Errorf("%s: a probe goes to %v", name, probe.HTTPGet.Port)
		}
	}
	volumes := map[string]bool{}
	for _, v := range p.Spec.Volumes {
		volumes[v.Name] = true
		if v.ConfigMap == nil {
			continue
		}
		config := r.configs[v.ConfigMap.Name]
		if config == nil {
			t.Fatalf("%s: there is no ConfigMap %s", name, v.ConfigMap.Name)
		}
		// Helm creates hooks before all else, those of a lower weight first.
		if job := r.jobs[name]; job != nil {
			before, errBefore := strconv.Atoi(config.Annotations["helm.sh/hook-weight"])
			after, errAfter := strconv.Atoi(job.Annotations["helm.sh/hook-weight"])
			if errBefore != nil || errAfter != nil || before >= after || config.Annotations["helm.sh/hook"] != job.Annotations["helm.sh/hook"] {
				t.Errorf("%s is made before its ConfigMap", name)
			}
		}
	}
	if s := r.stateful[name]; s != nil {
		for _, claim := range s.Spec.VolumeClaimTemplates {
			volumes[claim.Name] = true
		}
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("%s mounts %s, which is none of its volumes", name, m.Name)
		}
	}
}

// checkScaling fails unless each service's number is somebody's to set, and one's alone.
func (r *manifests) checkScaling(t *testing.T) {
	t.Helper()
	scaled := map[string]string{} // what, by kind and name
	for name, h := range r.scalers {
		scaled[h.Spec.ScaleTargetRef.Kind+" "+h.Spec.ScaleTargetRef.Name] += "hpa " + name
	}
	for name, k := range r.keda {
		scaled[k.Spec.ScaleTargetRef.Kind+" "+k.Spec.ScaleTargetRef.Name] += "keda " + name
	}
	for name, d := range r.deployments {
		r.checkScaled(t, scaled, "Deployment "+name, name, d.Spec.Replicas)
	}
	for name, s := range r.stateful {
		r.checkScaled(t, scaled, "StatefulSet "+name, name, s.Spec.Replicas)
	}
	for target := range scaled {
		t.Errorf("%s is scaled and not there", target)
	}
}

func (r *manifests) checkScaled(t *testing.T, scaled map[string]string, target, name string, replicas *int32) {
	t.Helper()
	by, ok := scaled[target]
	delete(scaled, target)
	switch {
	case ok == (replicas != nil):
		t.Errorf("%s: scaled by %q, replicas %v", target, by, replicas)
	case ok && by != "hpa "+name && by != "keda "+name:
		t.Errorf("%s is scaled by %q", target, by)
	}
}

// checkSecurity fails unless every pod may run where the restricted Pod Security standard is enforced.
func (r *manifests) checkSecurity(t *testing.T) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
	for name, p := range r.pods() {
		if got := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &p.ObjectMeta, &p.Spec)); !got.Allowed {
			t.Errorf("%s: %s", name, got.ForbiddenDetail())
		}
		c := p.Spec.Containers[0]
		if !*c.SecurityContext.ReadOnlyRootFilesystem || *p.Spec.AutomountServiceAccountToken || c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s: its root may be written, it has a token of Kubernetes, or no bounds", name)
		}
	}
}

// checkConfig fails unless drainline takes every configuration that was rendered.
func (r *manifests) checkConfig(t *testing.T, program string) {
	t.Helper()
	for name, c := range r.configs {
		content, ok := c.Data["drainline.yaml"]
		if !ok {
			continue
		}
		file := filepath.Join(t.TempDir(), "drainline.yaml")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		check := exec.CommandContext(t.Context(), program, "config", "check", "--offline", "--config", file)
		check.Env = []string{}
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", name, err, out, content)
		}
	}
}

// objects are the kinds and names of all, without the release's name, in order.
func (r *manifests) objects() []string {
	var all []string
	add := func(kind string, names ...string) {
		for _, name := range names {
			all = append(all, kind+" "+strings.TrimPrefix(strings.TrimPrefix(name, "shop-drainline"), "-"))
		}
	}
	add("ConfigMap", slices.Collect(maps.Keys(r.configs))...)
	add("Service", slices.Collect(maps.Keys(r.services))...)
	add("Deployment", slices.Collect(maps.Keys(r.deployments))...)
	add("StatefulSet", slices.Collect(maps.Keys(r.stateful))...)
	add("Job", slices.Collect(maps.Keys(r.jobs))...)
	add("HorizontalPodAutoscaler", slices.Collect(maps.Keys(r.scalers))...)
	add("ScaledObject", slices.Collect(maps.Keys(r.keda))...)
	add("PodDisruptionBudget", slices.Collect(maps.Keys(r.budgets))...)
	add("NetworkPolicy", slices.Collect(maps.Keys(r.policies))...)
	add("Ingress", slices.Collect(maps.Keys(r.ingresses))...)
	add("ServiceMonitor", slices.Collect(maps.Keys(r.monitors))...)
	add("PrometheusRule", slices.Collect(maps.Keys(r.rules))...)
	slices.Sort(all)
	return all
}

// byDefault is what there is when nothing is said.
var byDefault = []string{
	"ConfigMap ", "ConfigMap topology",
	"Deployment shipper", "Deployment transform",
	"HorizontalPodAutoscaler ingest", "HorizontalPodAutoscaler shipper", "HorizontalPodAutoscaler transform",
	"Job topology",
	"NetworkPolicy ingest", "NetworkPolicy shipper", "NetworkPolicy topology", "NetworkPolicy transform",
	"PodDisruptionBudget ingest", "PodDisruptionBudget shipper", "PodDisruptionBudget transform",
	"Service ingest", "Service pods",
	"StatefulSet ingest",
}

// Whatever the values, what is rendered fits together and the programs, and may run where the
// restricted Pod Security standard is enforced.
func TestChart(t *testing.T) {
	t.Parallel()
	drainline := program(t, "drainline")
	for _, c := range []struct {
		name, values string
		more, less   []string // than by default
	}{
		{name: "defaults"},
		{
			name: "no spool", values: `config: {ingest: {spool: {dir: ""}}}`,
			more: []string{"Deployment ingest"}, less: []string{"StatefulSet ingest"},
		},
		{name: "HEC", values: `config: {ingest: {hec: {tokens: {web: {token_file: /run/secrets/drainline/web}}}}}`},
		{name: "other ports", values: `config: {ingest: {logplex: {listen: ":80"}, hec: {listen: ":81", tokens: {web: {token: "${WEB}"}}}}, admin: {listen: ":82"}}`},
		{name: "nginx", values: `ingress: {enabled: true, host: logs.example.com, tlsSecret: logs}`, more: []string{"Ingress ingest"}},
		{name: "ALB", values: `ingress: {enabled: true, host: logs.example.com, controller: alb}`, more: []string{"Ingress ingest"}},
		{
			name: "another Ingress", values: `ingress: {enabled: true, host: logs.example.com, controller: none, annotations: {a.example/b: c}}`,
			more: []string{"Ingress ingest"},
		},
		{
			name: "scaled by lag", values: `{transform: {autoscaling: {by: lag}}, shipper: {autoscaling: {by: lag}}}`,
			more: []string{"ScaledObject shipper", "ScaledObject transform"},
			less: []string{"HorizontalPodAutoscaler shipper", "HorizontalPodAutoscaler transform"},
		},
		{
			name:   "scaled by hand",
			values: `{ingest: {autoscaling: {enabled: false}}, transform: {autoscaling: {enabled: false}}, shipper: {autoscaling: {enabled: false}}}`,
			less:   []string{"HorizontalPodAutoscaler ingest", "HorizontalPodAutoscaler shipper", "HorizontalPodAutoscaler transform"},
		},
		{
			name:   "watched",
			values: `monitoring: {serviceMonitor: {enabled: true}, rules: {enabled: true}, dashboard: {enabled: true}, labels: {release: prometheus}}`,
			more:   []string{"ConfigMap dashboard", "PrometheusRule ", "ServiceMonitor "},
		},
		{name: "NATS without users", values: `{nats: {existingSecret: ""}, config: {bus: {url: "nats://nats-0:4222,nats://nats-1:4223", replicas: 1}}}`},
		{name: "NATS with the system's authorities", values: `nats: {caKey: ""}`},
		{
			name: "streams by hand", values: `topology: {enabled: false}`,
			less: []string{"ConfigMap topology", "Job topology", "NetworkPolicy topology"},
		},
		{
			name: "no policies", values: `{networkPolicy: {enabled: false}, podDisruptionBudget: false}`,
			less: []string{
				"NetworkPolicy ingest", "NetworkPolicy shipper", "NetworkPolicy topology", "NetworkPolicy transform",
				"PodDisruptionBudget ingest", "PodDisruptionBudget shipper", "PodDisruptionBudget transform",
			},
		},
		{
			name: "narrow policies",
			values: `networkPolicy: {senders: [{ipBlock: {cidr: 10.0.0.0/8}}], egressPorts: [3128],
				scrapers: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]}`,
		},
		{
			name: "everything of pods",
			values: `
image: {registry: registry.example.com:5000/logs/, tag: v1.2.3, pullPolicy: Always}
imagePullSecrets: [registry]
secrets: [drainline, senders]
env: [{name: HTTPS_PROXY, value: "http://proxy:3128"}, {name: WEB_TOKEN, valueFrom: {secretKeyRef: {name: web, key: token}}}]
ingest: {spool: {size: 20Gi, storageClassName: fast}, service: {type: LoadBalancer, annotations: {a.example/b: c}}, resources: {requests: {cpu: 1}}}
terminationGracePeriodSeconds: 90
serviceAccountName: logs
priorityClassName: high
nodeSelector: {pool: logs}
tolerations: [{key: logs, operator: Exists}]
podLabels: {team: platform}
podAnnotations: {a.example/b: c}
`,
		},
		{
			name: "much configured",
			values: `
config:
  bus: {prefix: logs, raw: {shards: 3, ordered_shards: 2, max_bytes: 8GiB}}
  ingest: {logplex: {credentials: {heroku: null, team_a: {secret: "${TEAM_A}", rate: {requests: 1000000}}}}}
  destinations: {main: {urls: ["https://a:8088", "https://b"], token: "${MAIN}", proxy: "http://drainline:${PASSWORD}@proxy:3128"}, shadow: {type: discard}}
  drains: [{token: d.73ea7440-270a-435a-a0ea-adf50b4e5f5a, app: checkout, join: java}]
  rules: [{name: health checks, when: 'kind == "router" && fields.path == "/healthz"', drop: true}]
`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := render(t, c.values)
			want := slices.DeleteFunc(slices.Clone(byDefault), func(o string) bool { return slices.Contains(c.less, o) })
			want = append(want, c.more...)
			slices.Sort(want)
			if diff := cmp.Diff(want, r.objects()); diff != "" {
				t.Errorf("objects (-want +got)\n%s", diff)
			}
			r.checkReferences(t)
			r.checkSecurity(t)
			r.checkConfig(t, drainline)
		})
	}
}

// What the chart has to know of the configuration it reads there.
func TestChartFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	ingress := func(r *manifests) *networkingv1.Ingress { return r.ingresses["shop-drainline-ingest"] }
	for _, c := range []struct {
		name, values string
		look         func(r *manifests) any
		want         any
	}{
		{
			"ports of the doors", `config: {ingest: {logplex: {listen: "0.0.0.0:80"}, hec: {listen: "[::]:81", tokens: {web: {token: "${WEB}"}}}}}`,
			func(r *manifests) any { return ports(r.pods()["shop-drainline-ingest"]) },
			[]string{"logplex 80", "hec 81", "admin 9600"},
		},
		{
			"the port of admin, whatever the image's environment says", `config: {admin: {listen: ":82"}}`,
			func(r *manifests) any {
				c := r.pods()["shop-drainline-shipper"].Spec.Containers[0]
				return []string{c.Env[0].Name + "=" + c.Env[0].Value, fmt.Sprint(c.Ports[0].ContainerPort)}
			},
			[]string{"DRAINLINE_ADMIN__LISTEN=:82", "82"},
		},
		{
			"no token, no HEC", ``,
			func(r *manifests) any { return ports(r.pods()["shop-drainline-ingest"]) },
			[]string{"logplex 8080", "admin 9600"},
		},
		{
			"the spool's volume", `{config: {ingest: {spool: {dir: /data/spool}}}, ingest: {spool: {size: 20Gi, storageClassName: fast}}}`,
			func(r *manifests) any {
				s := r.stateful["shop-drainline-ingest"].Spec
				claim := s.VolumeClaimTemplates[0]
				return []string{
					s.Template.Spec.Containers[0].VolumeMounts[2].MountPath, claim.Spec.Resources.Requests.Storage().String(), *claim.Spec.StorageClassName,
					string(s.PersistentVolumeClaimRetentionPolicy.WhenScaled), string(s.PersistentVolumeClaimRetentionPolicy.WhenDeleted),
				}
			},
			[]string{"/data/spool", "20Gi", "fast", "Retain", "Retain"},
		},
		{
			"nobody takes an instance with a spool away by itself", ``,
			func(r *manifests) any {
				return *r.scalers["shop-drainline-ingest"].Spec.Behavior.ScaleDown.SelectPolicy
			},
			autoscalingv2.DisabledPolicySelect,
		},
		{
			"streams that transform's lag is of", `{config: {bus: {prefix: logs, raw: {shards: 2}}}, transform: {autoscaling: {by: lag}}}`,
			func(r *manifests) any { return triggers(r.keda["shop-drainline-transform"]) },
			[]string{"logs_raw_s0 transform", "logs_raw_s1 transform", "logs_raw_o0 transform"},
		},
		{
			"streams that the shipper's lag is of", `{config: {destinations: {main: {urls: ["https://a:8088"]}, shadow: {type: discard}}}, shipper: {autoscaling: {by: lag}}}`,
			func(r *manifests) any { return triggers(r.keda["shop-drainline-shipper"]) },
			[]string{"drainline_events_main shipper", "drainline_events_shadow shipper"},
		},
		{
			"where the shipper goes to", `{networkPolicy: {egressPorts: [3128]}, config: {bus: {url: "tls://a:4333,tls://b"}, destinations:
				{splunk: {urls: ["https://x", "http://x/services/collector", "https://x:8089/services/collector", "https://x:8089"],
				proxy: "http://u:${PASSWORD}@proxy:3129"}}, telemetry: {traces: {otlp: "http://otel:4318"}}}}`,
			func(r *manifests) any { return egress(r.policies["shop-drainline-shipper"]) },
			[]string{"53", "53", "4333", "4222", "443", "80", "8089", "3129", "4318", "3128"},
		},
		{
			"where the topology job goes to", `networkPolicy: {egressPorts: [3128]}`,
			func(r *manifests) any { return egress(r.policies["shop-drainline-topology"]) },
			[]string{"53", "53", "4222", "3128"},
		},
		{
			"rules of the network as they are, for all", `networkPolicy: {extraEgress: [{ports: [{protocol: UDP, port: 5353}]}]}`,
			func(r *manifests) any {
				var also []string
				for name, p := range r.policies {
					also = append(also, fmt.Sprintf("%s %s %s", name, *p.Spec.Egress[1].Ports[0].Protocol, p.Spec.Egress[1].Ports[0].Port))
				}
				slices.Sort(also)
				return also
			},
			[]string{"shop-drainline-ingest UDP 5353", "shop-drainline-shipper UDP 5353", "shop-drainline-topology UDP 5353", "shop-drainline-transform UDP 5353"},
		},
		{
			"how long a stop may take", `config: {ingest: {shutdown_delay: 1m30s}}`,
			func(r *manifests) any {
				pods := r.pods()
				return []int64{
					*pods["shop-drainline-ingest"].Spec.TerminationGracePeriodSeconds, *pods["shop-drainline-shipper"].Spec.TerminationGracePeriodSeconds,
				}
			},
			[]int64{140, 60},
		},
		{
			"longer when it is said", `{config: {ingest: {shutdown_delay: 0}}, terminationGracePeriodSeconds: 90}`,
			func(r *manifests) any {
				return *r.pods()["shop-drainline-ingest"].Spec.TerminationGracePeriodSeconds
			},
			int64(90),
		},
		{
			"nowhere but where it is said", `config: {destinations: {main: {urls: ["https://a:8088"]}}}`,
			func(r *manifests) any {
				return strings.Contains(r.configs["shop-drainline"].Data["drainline.yaml"], "splunk")
			},
			false,
		},
		{
			"paths", `{ingress: {enabled: true, host: h.example}, config: {ingest: {logplex: {paths: [/in]}, hec: {tokens: {web: {token: "${WEB}"}}}}}}`,
			func(r *manifests) any {
				var paths []string
				for _, p := range ingress(r).Spec.Rules[0].HTTP.Paths {
					paths = append(paths, p.Path+" "+p.Backend.Service.Port.Name)
				}
				return paths
			},
			[]string{"/in logplex", "/services/collector hec"},
		},
		{
			"as much as a door takes", `ingress: {enabled: true, host: h.example}`,
			func(r *manifests) any { return ingress(r).Annotations["nginx.ingress.kubernetes.io/proxy-body-size"] },
			"8388608",
		},
		{
			"as much as the larger door takes",
			`{ingress: {enabled: true, host: h.example}, config: {ingest: {hec: {max_body: 16MiB, tokens: {web: {token: "${WEB}"}}}}}}`,
			func(r *manifests) any { return ingress(r).Annotations["nginx.ingress.kubernetes.io/proxy-body-size"] },
			"16777216",
		},
		{
			"HTTP behind nginx", `ingress: {enabled: true, host: h.example}`,
			func(r *manifests) any { return ingress(r).Annotations["nginx.ingress.kubernetes.io/backend-protocol"] },
			"HTTP",
		},
		{
			"TLS behind nginx", `{ingress: {enabled: true, host: h.example}, config: {ingest: {logplex: {tls: {cert_file: /a, key_file: /b}}}}}`,
			func(r *manifests) any { return ingress(r).Annotations["nginx.ingress.kubernetes.io/backend-protocol"] },
			"HTTPS",
		},
		{
			"TLS behind ALB", `{ingress: {enabled: true, host: h.example, controller: alb}, config: {ingest: {logplex: {tls: {cert_file: /a, key_file: /b}},
				hec: {tls: {cert_file: /a, key_file: /b}, tokens: {web: {token: "${WEB}"}}}}}}`,
			func(r *manifests) any {
				a := ingress(r).Annotations
				return []string{a["alb.ingress.kubernetes.io/backend-protocol"], a["alb.ingress.kubernetes.io/healthcheck-protocol"]}
			},
			[]string{"HTTPS", "HTTPS"},
		},
		{
			"nginx", `ingress: {enabled: true, host: h.example, tlsSecret: logs, annotations: {nginx.ingress.kubernetes.io/proxy-body-size: 16m}}`,
			func(r *manifests) any {
				i := ingress(r)
				return []string{*i.Spec.IngressClassName, i.Annotations["nginx.ingress.kubernetes.io/proxy-body-size"], i.Spec.TLS[0].SecretName, i.Spec.TLS[0].Hosts[0]}
			},
			[]string{"nginx", "16m", "logs", "h.example"},
		},
		{
			"ALB", `ingress: {enabled: true, host: h.example, controller: alb, className: internal}`,
			func(r *manifests) any {
				i := ingress(r)
				return []string{*i.Spec.IngressClassName, i.Annotations["alb.ingress.kubernetes.io/healthcheck-path"], i.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"]}
			},
			[]string{"internal", "/healthz", "idle_timeout.timeout_seconds=600"},
		},
		{
			"each its own user of NATS", ``,
			func(r *manifests) any {
				var keys []string
				for _, p := range r.pods() {
					sources := p.Spec.Volumes[1].Projected.Sources
					keys = append(keys, p.Labels["app.kubernetes.io/component"]+" "+sources[len(sources)-1].Secret.Items[0].Key)
				}
				slices.Sort(keys)
				return keys
			},
			[]string{"ingest ingest.nk", "shipper shipper.nk", "topology admin.nk", "transform transform.nk"},
		},
		{
			"images", `image: {registry: registry.example.com/logs, tag: v1}`,
			func(r *manifests) any {
				var images []string
				for _, p := range r.pods() {
					images = append(images, p.Spec.Containers[0].Image)
				}
				slices.Sort(images)
				return images
			},
			[]string{
				"registry.example.com/logs/drainline-ingest:v1", "registry.example.com/logs/drainline-shipper:v1",
				"registry.example.com/logs/drainline-transform:v1", "registry.example.com/logs/drainline:v1",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, c.look(render(t, c.values))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// ports are a container's, by name.
func ports(p pod) []string {
	var all []string
	for _, port := range p.Spec.Containers[0].Ports {
		all = append(all, fmt.Sprintf("%s %d", port.Name, port.ContainerPort))
	}
	return all
}

// triggers are the streams and consumers whose lag counts.
func triggers(s *scaledObject) []string {
	var all []string
	for _, trigger := range s.Spec.Triggers {
		all = append(all, trigger.Metadata.Stream+" "+trigger.Metadata.Consumer)
	}
	return all
}

// egress are the ports that pods may reach.
func egress(p *networkingv1.NetworkPolicy) []string {
	var all []string
	for _, port := range p.Spec.Egress[0].Ports {
		all = append(all, port.Port.String())
	}
	return all
}

// A changed configuration starts pods anew, and nothing else does.
func TestChartRestartsWhatIsConfiguredOtherwise(t *testing.T) {
	t.Parallel()
	checksum := func(values string) string {
		return render(t, values).deployments["shop-drainline-shipper"].Spec.Template.Annotations["checksum/config"]
	}
	before := checksum(``)
	if other := checksum(`config: {ingest: {hold: 3s}}`); other == before {
		t.Error("another configuration has the same checksum")
	}
	if other := checksum(`{networkPolicy: {enabled: false}, shipper: {autoscaling: {max: 20}}}`); other != before {
		t.Error("the same configuration has another checksum")
	}
}

// What Kubernetes takes as a release's name is not always one of a Service.
func TestChartNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ release, values, service, refused string }{
		{release: "shop", service: "shop-drainline-ingest"},
		{release: "drainline", service: "drainline-ingest"},
		{release: "shop.v2", service: "shop-v2-drainline-ingest"},
		{release: "2nd", refused: "begins with a digit"},
		{release: "2nd", values: "fullnameOverride: second", service: "second-ingest"},
	} {
		t.Run(c.release+" "+c.values, func(t *testing.T) {
			t.Parallel()
			r, err := tryRender(t, c.release, c.values)
			switch {
			case c.refused != "":
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("%v, want %q", err, c.refused)
				}
			case err != nil:
				t.Error(err)
			case r.services[c.service] == nil:
				t.Errorf("there is no Service %s in %v", c.service, slices.Sorted(maps.Keys(r.services)))
			}
		})
	}
}

// What cannot work is refused before anything is installed, and no message tells a secret.
func TestChartRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ values, want string }{
		{`imgae: {tag: v1}`, "'imgae' not allowed"},
		{`shipper: {autoscaling: {minimum: 3}}`, "'minimum' not allowed"},
		{`shipper: {autoscaling: {by: memory}}`, "/shipper/autoscaling/by"},
		{`ingest: {autoscaling: {by: lag}}`, "'by' not allowed"},
		{`ingest: {replicas: 0}`, "/ingest/replicas"},
		{`ingest: {replicas: two}`, "/ingest/replicas"},
		{`ingress: {controller: traefik}`, "/ingress/controller"},
		{`ingress: {enabled: true}`, "ingress.host is missing"},
		{`terminationGracePeriodSeconds: 30`, "/terminationGracePeriodSeconds"},
		{`config: {bus: {url: ""}}`, "/config/bus/url"},
		{`config: {bus: {embedded: {dir: /data}}}`, "/config/bus/embedded"},
		{`config: {include: [rules.yaml]}`, "/config/include"},
		{`config: {admin: {listen: "127.0.0.1:9600"}}`, "/config/admin/listen"},
		{`config: {ingest: {spool: {dir: spool}}}`, "/config/ingest/spool/dir"},
		{`config: {destinations: {}}`, "config.destinations is empty: name where logs go to"},
		{`env: [{HTTPS_PROXY: x}]`, "/env/0"},
		{`nats: {monitoring: "http://nats:8222"}`, "/nats/monitoring"},
		{`ingest: {autoscaling: {min: 3, max: 2}}`, "ingest.autoscaling.min is 3 and max 2"},
		{`shipper: {autoscaling: {by: lag, min: 11}}`, "shipper.autoscaling.min is 11 and max 10"},
		{`config: {ingest: {spool: {max_bytes: 9GiB}}}`, "raise ingest.spool.size (8Gi)"},
		{`{config: {ingest: {spool: {max_bytes: 1000000000}}}, ingest: {spool: {size: 500M}}}`, "raise ingest.spool.size (500M)"},
		{
			`{ingress: {enabled: true, host: h}, config: {ingest: {logplex: {tls: {cert_file: /a}}, hec: {tokens: {web: {token_file: /c}}}}}}`,
			"give it to both, or to none",
		},
		{`config: {bus: {nkey: hidden}}`, "config.bus.nkey is a secret"},
		{`config: {ingest: {spool: {encryption_key: hidden}}}`, "config.ingest.spool.encryption_key is a secret"},
		{`config: {ingest: {logplex: {credentials: {a: {secret: hidden}}}}}`, "config.ingest.logplex.credentials.a.secret is a secret"},
		{`config: {ingest: {logplex: {credentials: {a: {previous_secret: hidden}}}}}`, "config.ingest.logplex.credentials.a.previous_secret is a secret"},
		{`config: {ingest: {hec: {tokens: {web: {token: "${WEB}hidden"}}}}}`, "config.ingest.hec.tokens.web.token is a secret"},
		{`config: {redaction: {key: hidden}}`, "config.redaction.key is a secret"},
		{`config: {destinations: {main: {token: hidden}}}`, "config.destinations.main.token is a secret"},
		{`config: {destinations: {main: {proxy: "http://u:hidden@proxy:3128"}}}`, "config.destinations.main.proxy is a secret"},
	} {
		t.Run(c.values, func(t *testing.T) {
			t.Parallel()
			_, err := tryRender(t, "shop", c.values)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// Alerts and dashboard are those of deploy/grafana.
func TestChartMonitoring(t *testing.T) {
	t.Parallel()
	r := render(t, `monitoring: {rules: {enabled: true}, dashboard: {enabled: true}}`)
	var want monitoringv1.PrometheusRuleSpec
	if err := yaml.UnmarshalStrict([]byte(read(t, alertsFile)), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, r.rules["shop-drainline"].Spec); diff != "" {
		t.Errorf("alerts are not those of deploy/grafana, run make generate (-want +got)\n%s", diff)
	}
	if r.configs["shop-drainline-dashboard"].Data["drainline.json"] != read(t, dashboardFile) {
		t.Error("the dashboard is not that of deploy/grafana, run make generate")
	}
}

// The notes after an install say where logs go.
func TestChartNotes(t *testing.T) {
	t.Parallel()
	const nothing = "Nothing leads here from outside"
	for _, c := range []struct {
		values     string
		want, lack []string
	}{
		{``, []string{nothing, "splunk: https://splunk.example.com:8088"}, []string{"heroku drains:add"}},
		{
			`ingress: {enabled: true, host: logs.example.com}`,
			[]string{"heroku drains:add https://drainline:SECRET@logs.example.com/logs/my-app -a my-app", "-n logs"},
			[]string{nothing},
		},
		{`ingest: {service: {type: LoadBalancer}}`, []string{"kubectl -n logs get service shop-drainline-ingest"}, []string{nothing}},
	} {
		t.Run(c.values, func(t *testing.T) {
			t.Parallel()
			notes := render(t, c.values).notes
			for _, want := range c.want {
				if !strings.Contains(notes, want) {
					t.Errorf("%q is missing in\n%s", want, notes)
				}
			}
			for _, lack := range c.lack {
				if strings.Contains(notes, lack) {
					t.Errorf("%q is in\n%s", lack, notes)
				}
			}
		})
	}
}
