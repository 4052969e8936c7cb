package deploy

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/internal/process"
)

const (
	repository = "../.."
	// imageVersion is what the images of these tests are stamped with.
	imageVersion = "v1.2.3-test"
	imageUser    = "65532:65532"
)

// image is what a target of the Dockerfile becomes.
type image struct {
	name       string
	root       string // the folder of its files
	base       string // what it begins with, scratch or another image's name
	env        []string
	entrypoint []string
	command    []string
	user       string
	ports      []string
	volumes    []string
	labels     map[string]string
	workdir    string
}

// builder builds images as an engine does, of the instructions that our Dockerfile uses.
// The commands are run in the stage's own root, with this machine's programs in it.
type builder struct {
	t       *testing.T
	stages  []instructions.Stage
	given   map[string]string // --build-arg
	allowed []string          // what of the repository is sent to the engine
	images  map[string]*image
}

func newBuilder(t *testing.T) *builder {
	t.Helper()
	file, err := os.Open(filepath.Join(repository, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	complaints := linter.New(&linter.Config{Warn: func(rule, _, _, message string, at []parser.Range) {
		t.Errorf("Dockerfile: %s: %s (%v)", rule, message, at)
	}})
	stages, arguments, err := instructions.Parse(parsed.AST, complaints)
	if err != nil || len(arguments) > 0 {
		t.Fatal(arguments, err)
	}
	b := &builder{
		t: t, stages: stages, images: map[string]*image{},
		given: map[string]string{"VERSION": imageVersion, "TARGETOS": runtime.GOOS, "TARGETARCH": runtime.GOARCH},
	}
	for line := range strings.Lines(read(t, filepath.Join(repository, ".dockerignore"))) {
		line = strings.TrimSpace(line)
		switch what, some := strings.CutPrefix(line, "!"); {
		case some:
			b.allowed = append(b.allowed, what)
		case line == "" || line == "*" && b.allowed == nil || strings.HasPrefix(line, "#"):
		default:
			t.Fatalf(".dockerignore: %q: it is to ignore everything but what it names", line)
		}
	}
	return b
}

// build makes the image of a stage, and those that it needs.
func (b *builder) build(name string) *image {
	b.t.Helper()
	if i, ok := b.images[name]; ok {
		return i
	}
	at := slices.IndexFunc(b.stages, func(s instructions.Stage) bool { return s.Name == name })
	if at < 0 {
		b.t.Fatalf("the Dockerfile has no target %q", name)
	}
	stage := b.stages[at]
	i := &image{name: name, root: b.t.TempDir(), base: stage.BaseName, labels: map[string]string{}, workdir: "/"}
	if err := os.Chmod(i.root, 0o755); err != nil {
		b.t.Fatal(err)
	}
	switch {
	case strings.HasPrefix(stage.BaseName, "golang:"):
		// Of what the image has, the build copies this file.
		do(b.t, "", nil, "install", "-D", "/etc/ssl/certs/ca-certificates.crt", i.root+"/etc/ssl/certs/ca-certificates.crt")
	case stage.BaseName != "scratch":
		from := b.build(stage.BaseName)
		root := i.root
		*i = *from
		i.name, i.root, i.base, i.labels = name, root, stage.BaseName, maps.Clone(from.labels)
		do(b.t, "", nil, "cp", "-a", from.root+"/.", root)
	}
	arguments := []string{}
	for _, c := range stage.Commands {
		b.apply(i, c, &arguments)
	}
	b.images[name] = i
	return i
}

func (b *builder) apply(i *image, c instructions.Command, arguments *[]string) {
	b.t.Helper()
	if e, ok := c.(instructions.SupportsSingleWordExpansion); ok {
		lex := shell.NewLex('\\')
		err := e.Expand(func(word string) (string, error) {
			out, unset, err := lex.ProcessWord(word, shell.EnvsFromSlice(slices.Concat(*arguments, i.env)))
			if len(unset) > 0 {
				b.t.Fatalf("%v: %v is not set", c, unset)
			}
			return out, err
		})
		if err != nil {
			b.t.Fatalf("%v: %v", c, err)
		}
	}
	switch c := c.(type) {
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			value, ok := b.given[a.Key]
			if !ok {
				b.t.Fatalf("%v: nobody gives it", c)
			}
			*arguments = append(*arguments, a.Key+"="+value)
		}
	case *instructions.EnvCommand:
		for _, e := range c.Env {
			i.env = append(slices.Clip(i.env), e.Key+"="+e.Value)
		}
	case *instructions.LabelCommand:
		for _, l := range c.Labels {
			i.labels[l.Key] = l.Value
		}
	case *instructions.WorkdirCommand:
		i.workdir = path.Join(i.workdir, c.Path)
		do(b.t, "", nil, "mkdir", "-p", i.root+i.workdir)
	case *instructions.CopyCommand:
		b.copy(i, c)
	case *instructions.RunCommand:
		b.runInside(i, c, *arguments)
	case *instructions.UserCommand:
		i.user = c.User
	case *instructions.ExposeCommand:
		i.ports = append(slices.Clip(i.ports), c.Ports...)
	case *instructions.VolumeCommand:
		i.volumes = append(slices.Clip(i.volumes), c.Volumes...)
	case *instructions.EntrypointCommand:
		i.entrypoint = exact(b.t, c.ShellDependantCmdLine)
	case *instructions.CmdCommand:
		i.command = exact(b.t, c.ShellDependantCmdLine)
	default:
		b.t.Fatalf("%v: this test does not know what it does", c)
	}
}

// exact is a command that needs no shell, as there is none.
func exact(t *testing.T, c instructions.ShellDependantCmdLine) []string {
	t.Helper()
	if c.PrependShell {
		t.Errorf("%q wants a shell, and there is none", c.CmdLine)
	}
	return c.CmdLine
}

func (b *builder) copy(i *image, c *instructions.CopyCommand) {
	b.t.Helper()
	to := c.DestPath
	if !path.IsAbs(to) {
		to = path.Join(i.workdir, to) + "/"
	}
	for _, source := range c.SourcePaths {
		from := filepath.Join(repository, source)
		if c.From != "" {
			from = b.build(c.From).root + source
		} else if !slices.ContainsFunc(b.allowed, func(a string) bool { return source == a || strings.HasPrefix(source, a+"/") }) {
			b.t.Fatalf("%v: .dockerignore keeps %s from the engine", c, source)
		}
		info, err := os.Stat(from)
		if err != nil {
			b.t.Fatal(err)
		}
		if info.IsDir() {
			from += "/."
			do(b.t, "", nil, "mkdir", "-p", i.root+to)
		}
		do(b.t, "", nil, "mkdir", "-p", i.root+path.Dir(to))
		do(b.t, "", nil, "cp", "-r", "--preserve=mode", from, i.root+to)
		if c.Chown != "" {
			do(b.t, "", nil, "chown", "-R", c.Chown, i.root+to)
		}
	}
}

// A mount namespace of its own holds this machine's programs, devices and caches of Go in
// the stage's root, and is gone with the command.
const insideStage = `
root=$1 workdir=$2 command=$3; shift 3
for at in "$@"; do mkdir -p "$root$at"; mount --rbind "$at" "$root$at"; done
exec /usr/sbin/chroot "$root" /bin/sh -euc "cd $workdir; $command"`

func (b *builder) runInside(i *image, c *instructions.RunCommand, arguments []string) {
	b.t.Helper()
	places := append([]string{"/dev", "/etc", "/proc", os.TempDir()}, programFolders...)
	env := slices.Concat(process.Environ(b.t, "GOTOOLCHAIN=local"), arguments, i.env)
	out, err := exec.CommandContext(b.t.Context(), "go", "env", "GOROOT", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOSUMDB").Output()
	if err != nil {
		b.t.Fatal(err)
	}
	settings := strings.Split(strings.TrimSpace(string(out)), "\n")
	for n, name := range []string{"", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOSUMDB"} {
		if n < 3 && !strings.HasPrefix(settings[n], "/usr/") {
			places = append(places, settings[n])
		}
		if n > 0 {
			env = append(env, name+"="+settings[n])
		}
	}
	words := slices.Concat([]string{"--mount", "sh", "-euc", insideStage, "sh", i.root, i.workdir, strings.Join(c.CmdLine, " ")}, places)
	cmd := exec.CommandContext(b.t.Context(), "unshare", words...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%v: %v\n%s", c, err, out)
	}
}

// A container's root cannot be written to; what is mounted in it can.
const insideContainer = `
root=$1 user=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
shift
exec /usr/sbin/chroot --userspec="$user" --groups= "$root" "$@"`

// container is how an image is run. It has the network of this machine, so its ports are
// to be set by the environment.
type container struct {
	name    string
	image   *image
	args    []string // in place of the image's own
	env     []string
	mounted [][2]string // a folder or file of this machine, and where it is in the container
	user    string      // in place of the image's own
}

func (c container) start(t *testing.T) *process.Process {
	t.Helper()
	words := []string{"--mount", "sh", "-euc", insideContainer, "sh", c.image.root, cmp.Or(c.user, c.image.user)}
	for _, m := range c.mounted {
		words = append(words, m[0], m[1])
		mountpoint(t, m[0], filepath.Join(c.image.root, m[1]))
	}
	args := c.args
	if args == nil {
		args = c.image.command
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	return process.Command{
		Name: c.name,
		Args: slices.Concat([]string{unshare}, words, []string{"--"}, c.image.entrypoint, args),
		// The engine's own PATH is that of Debian.
		Env: slices.Concat([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, c.image.env, c.env),
	}.Start(t)
}

// mountpoint makes what something is mounted over, as engines do.
func mountpoint(t *testing.T, from, at string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(at); err == nil {
		return
	}
	if info.IsDir() {
		err = os.MkdirAll(at, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(at), 0o755); err == nil {
		err = os.WriteFile(at, nil, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// files are those of an image, with the folder for data, which is the user's.
func (i *image) files(t *testing.T) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(os.DirFS(i.root), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && (!d.IsDir() || name == "var/lib/drainline") {
			all = append(all, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The image that compiles is one of a version, which the modules take.
func TestDockerfileGo(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	base := b.stages[0].BaseName
	version := regexp.MustCompile(`^golang:(1\.\d+)\.\d+$`).FindStringSubmatch(base)
	if version == nil || !strings.Contains(read(t, filepath.Join(repository, "services/go.mod")), "\ngo "+version[1]+".") {
		t.Errorf("%s is not a patch of the version in services/go.mod", base)
	}
}

// Images hold a program and what it needs, and each program does its work in its own: on a
// root that cannot be written, as a user without a name, with no other program there.
func TestImages(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	const certificates = "etc/ssl/certs/ca-certificates.crt"
	for _, c := range []struct {
		name  string
		title string
		files []string
		ports []string
		env   []string
	}{
		{"drainline", "drainline", []string{"var/lib/drainline"}, []string{"9600", "8080", "8088"}, []string{"DRAINLINE_BUS__EMBEDDED__DIR=/var/lib/drainline"}},
		{"ingest", "drainline-ingest", []string{"var/lib/drainline"}, []string{"9600", "8080", "8088"}, nil},
		{"transform", "drainline-transform", nil, []string{"9600"}, nil},
		{"shipper", "drainline-shipper", nil, []string{"9600"}, nil},
	} {
		i := b.build(c.name)
		if want := slices.Concat([]string{"LICENSE", certificates, "usr/local/bin/" + c.name}, c.files); !gocmp.Equal(i.files(t), want) {
			t.Errorf("%s: %s", c.name, gocmp.Diff(want, i.files(t)))
		}
		if i.base != "base" || b.build("base").base != "scratch" {
			t.Errorf("%s is made of %s", c.name, i.base)
		}
		if !gocmp.Equal(i.ports, c.ports) || i.user != imageUser {
			t.Errorf("%s: ports %q, user %q", c.name, i.ports, i.user)
		}
		if want := append([]string{"DRAINLINE_ADMIN__LISTEN=:9600"}, c.env...); !gocmp.Equal(i.env, want) {
			t.Errorf("%s: %s", c.name, gocmp.Diff(want, i.env))
		}
		labels := map[string]string{
			"org.opencontainers.image.title": c.title, "org.opencontainers.image.version": imageVersion, "org.opencontainers.image.licenses": "Apache-2.0",
		}
		for label, want := range labels {
			if i.labels[label] != want {
				t.Errorf("%s: the label %s is %q", c.name, label, i.labels[label])
			}
		}
		p := container{name: c.name, image: i, args: []string{"--version"}}.start(t)
		if p.Line(`drainline (\S+) \S+ \S+`) != imageVersion || p.Exit() != 0 {
			t.Errorf("%s is not stamped: %s", c.name, p.Output())
		}
	}
	t.Run("all in one", func(t *testing.T) {
		t.Parallel()
		runAllInOne(t, b.build("drainline"))
	})
	t.Run("compose up", func(t *testing.T) {
		t.Parallel()
		composeUp(t, newReplay(t, b))
	})
}

// runAllInOne sends lines through `docker run drainline`, all parts of which are of the image.
func runAllInOne(t *testing.T, i *image) {
	t.Helper()
	if !gocmp.Equal(i.volumes, []string{"/var/lib/drainline"}) {
		t.Fatalf("volumes %q", i.volumes)
	}
	logplex, admin, inspector := port.Free(t), port.Free(t), port.Free(t)
	env := []string{
		"DRAINLINE_ADMIN__LISTEN=" + admin, "DRAINLINE_INGEST__LOGPLEX__LISTEN=" + logplex, "DRAINLINE_DRAIN_SECRET=s3cret",
		"SPLUNK_HEC_URL=http://" + inspector, "SPLUNK_HEC_TOKEN=any", "DRAINLINE_BUS__EMBEDDED__MAX_BYTES=1GiB",
	}
	refused := container{name: "without a volume", image: i, env: env}.start(t)
	if code := refused.Exit(); code == 0 || !strings.Contains(refused.Output(), "/var/lib/drainline") {
		t.Errorf("without a volume it ended with %d: %s", code, refused.Output())
	}
	volume := t.TempDir()
	do(t, "", nil, "cp", "-aT", i.root+"/var/lib/drainline", volume) // as an engine fills a new volume
	container{name: "inspector", image: i, args: []string{"inspector"}, env: []string{
		"DRAINLINE_INSPECTOR__LISTEN=" + inspector, "DRAINLINE_ADMIN__LISTEN=" + port.Free(t),
	}}.start(t).Line(`.*inspector.*`)
	all := container{name: "run", image: i, env: env, mounted: [][2]string{{volume, "/var/lib/drainline"}}}.start(t)
	all.Line(`.*drain URL.*`)
	send := container{name: "send", image: i, args: []string{"send", "http://drain:s3cret@" + logplex + "/logs", "--count", "100", "--quiet"}}.start(t)
	if code := send.Exit(); code != 0 {
		t.Fatalf("send ended with %d: %s", code, send.Output())
	}
	process.Eventually(t, "all is delivered", func() bool {
		_, metrics := get(t, "http://"+admin+"/metrics")
		return strings.Contains(metrics, fmt.Sprintf("drainline_shipper_delivered_total{destination=%q} 100\n", "splunk"))
	})
	all.Stop()
}

// get is what a page answers: its status, or 0 when nobody answers, and its body.
func get(t *testing.T, page string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(content)
}
