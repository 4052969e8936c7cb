package deploy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const released = "0.1.0"

// A release is the same whoever builds it where, and holds what it should.
func TestRelease(t *testing.T) {
	t.Parallel()
	do(t, "../..", nil, "make", "release-tools")
	folder := t.TempDir()
	one, other := buildRelease(t, filepath.Join(folder, "one"), "022"), buildRelease(t, filepath.Join(folder, "some", "other", "place"), "077")
	files := digests(t, one)
	if same := digests(t, other); !maps.Equal(files, same) {
		t.Errorf("two builds differ:\n%v\n%v", files, same)
	}
	const stem = "drainline_" + released + "_linux_amd64"
	want := []string{
		"SHA256SUMS", "TA-drainline-" + released + ".tgz", "drainline-" + released + "-1.x86_64.rpm", "drainline_" + released + "_amd64.deb",
		stem + ".cdx.json", stem + ".tar.gz",
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Fatalf("the release is %v, want %v", got, want)
	}
	do(t, one, nil, "sha256sum", "--check", "--strict", "SHA256SUMS")
	checkAddOn(t, filepath.Join(one, "TA-drainline-"+released+".tgz"))
	binary := checkArchive(t, filepath.Join(one, stem+".tar.gz"), stem)
	checkDeb(t, filepath.Join(one, "drainline_"+released+"_amd64.deb"), binary)
	checkRPM(t, filepath.Join(one, "drainline-"+released+"-1.x86_64.rpm"))
	checkBill(t, filepath.Join(one, stem+".cdx.json"), binary)
}

// buildRelease builds a release for one system from a copy of the tree in a folder, and gives where it is.
func buildRelease(t *testing.T, folder, umask string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{
		"VERSION=v" + released, "PATH=" + filepath.Join(root, ".bin") + ":" + os.Getenv("PATH"), "FOLDER=" + folder, "HOME=" + os.Getenv("HOME"),
		"GIT_AUTHOR_DATE=2026-11-23T10:00:00Z", "GIT_COMMITTER_DATE=2026-11-23T10:00:00Z", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x",
	}
	do(t, root, env, "bash", "-euc", "umask "+umask+`
		mkdir -p "$FOLDER"
		git ls-files -z --cached --others --exclude-standard --deduplicate | while IFS= read -rd '' f; do
			if [ -e "$f" ]; then printf '%s\0' "$f"; fi
		done | tar --no-same-permissions --null -T - -c | tar -x --no-same-permissions -C "$FOLDER"
		cd "$FOLDER"
		git init -q
		git add -A
		git commit -qm x
		deploy/release/build.sh built linux/amd64`)
	return filepath.Join(folder, "built")
}

// A tag that the chart and the add-on do not know is refused before anything is built.
func TestReleaseOfAnotherVersion(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "../../deploy/release/build.sh", filepath.Join(t.TempDir(), "built"))
	cmd.Env = append(os.Environ(), "VERSION=v99.0.1")
	out, err := cmd.CombinedOutput()
	if want := "deploy/helm/drainline/Chart.yaml says version " + released + ", this is 99.0.1"; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %s", err, out)
	}
}

// digests are the files of a folder, each with its SHA-256.
func digests(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(do(t, folder, nil, "bash", "-c", "sha256sum -- *")) {
		digest, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		all[name] = digest
	}
	return all
}

// unpack gives the files of an archive with their modes.
func unpack(t *testing.T, file string) (contents map[string][]byte, modes map[string]int64) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	contents, modes = map[string][]byte{}, map[string]int64{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return contents, modes
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.ModTime.Unix() != 1795428000 {
			t.Errorf("%s: %s belongs to %d %q and is of %v", file, h.Name, h.Uid, h.Uname, h.ModTime)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if contents[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		modes[h.Name] = h.Mode
	}
}

// checkArchive gives the program that is in an archive, in a file.
func checkArchive(t *testing.T, file, stem string) (binary string) {
	t.Helper()
	contents, modes := unpack(t, file)
	want := map[string]int64{
		"CHANGELOG.md": 0o644, "LICENSE": 0o644, "README.md": 0o644, "THIRD-PARTY.txt": 0o644, "drainline.yaml": 0o644,
		"completions/drainline.bash": 0o644, "completions/drainline.fish": 0o644, "completions/drainline.zsh": 0o644,
		"drainline": 0o755, "ingest": 0o755, "shipper": 0o755, "transform": 0o755,
	}
	got := map[string]int64{}
	for name, mode := range modes {
		got[strings.TrimPrefix(name, stem+"/")] = mode
	}
	if !maps.Equal(got, want) {
		t.Errorf("the archive has %v, want %v", got, want)
	}
	folder := t.TempDir()
	for _, name := range []string{"drainline", "ingest", "transform", "shipper"} {
		program := filepath.Join(folder, name)
		if err := os.WriteFile(program, contents[stem+"/"+name], 0o700); err != nil {
			t.Fatal(err)
		}
		if said := do(t, folder, nil, program, "--version"); !strings.HasPrefix(said, "drainline v"+released+" ") {
			t.Errorf("%s says %q", name, said)
		}
	}
	texts := string(contents[stem+"/THIRD-PARTY.txt"])
	for _, m := range modules(t, filepath.Join(folder, "drainline")) {
		if !strings.Contains(texts, "==== "+m+": ") {
			t.Errorf("THIRD-PARTY.txt has no license of %s", m)
		}
	}
	do(t, folder, nil, "bash", "-n", writeFile(t, contents[stem+"/completions/drainline.bash"]))
	return filepath.Join(folder, "drainline")
}

func writeFile(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// modules are those that a program says it is built of, but for our own, as "path version".
func modules(t *testing.T, program string) (all []string) {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if m.Replace == nil {
			all = append(all, m.Path+" "+m.Version)
		}
	}
	if len(all) < 50 {
		t.Fatalf("%s is built of %v", program, all)
	}
	return all
}

// checkBill compares a bill of material with what the program itself says.
func checkBill(t *testing.T, file, program string) {
	t.Helper()
	var bom struct {
		Format     string `json:"bomFormat"` //nolint:tagliatelle // CycloneDX has it so
		Components []struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(read(t, file)), &bom); err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, c := range bom.Components {
		if c.Name != "std" && !strings.HasPrefix(c.Name, "github.com/drainline/drainline/") {
			listed = append(listed, c.Name+" "+c.Version)
		}
	}
	built := modules(t, program)
	slices.Sort(listed)
	if slices.Sort(built); bom.Format != "CycloneDX" || !slices.Equal(listed, built) {
		t.Errorf("the bill of %s lists\n%v\nthe program is built of\n%v", bom.Format, listed, built)
	}
}

// installed are the files that packages install, each with the one of this repository that it is ("" for one that is built).
var installed = map[string]string{
	installedProgram: "",
	"/usr/lib/systemd/system/drainline.service":           "deploy/systemd/drainline.service",
	"/usr/lib/systemd/system/drainline-ingest.service":    "deploy/systemd/drainline-ingest.service",
	"/usr/lib/systemd/system/drainline-transform.service": "deploy/systemd/drainline-transform.service",
	"/usr/lib/systemd/system/drainline-shipper.service":   "deploy/systemd/drainline-shipper.service",
	installedConfig:                                       "deploy/systemd/drainline.yaml",
	"/usr/share/doc/drainline/README.md":                  "deploy/systemd/README.md",
	"/usr/share/doc/drainline/CHANGELOG.md":               "CHANGELOG.md",
	"/usr/share/doc/drainline/drainline.yaml":             "config/drainline.yaml",
	"/usr/share/doc/drainline/copyright":                  "LICENSE",
	"/usr/share/doc/drainline/THIRD-PARTY.txt":            "",
	"/usr/share/bash-completion/completions/drainline":    "",
	"/usr/share/fish/vendor_completions.d/drainline.fish": "",
}

func checkDeb(t *testing.T, deb, binary string) {
	t.Helper()
	root := t.TempDir()
	do(t, root, nil, "dpkg-deb", "--raw-extract", deb, root)
	for name, source := range installed {
		content := read(t, filepath.Join(root, name))
		if source != "" && content != read(t, filepath.Join("../..", source)) {
			t.Errorf("%s is not %s", name, source)
		}
	}
	if read(t, filepath.Join(root, installedProgram)) != read(t, binary) {
		t.Error("the program is not the archive's")
	}
	if conffiles := read(t, filepath.Join(root, "DEBIAN/conffiles")); conffiles != installedConfig+"\n" {
		t.Errorf("what people change is %q", conffiles)
	}
	control := read(t, filepath.Join(root, "DEBIAN/control"))
	for _, line := range []string{"Package: drainline", "Version: " + released, "Architecture: amd64", "Depends: ca-certificates"} {
		if !strings.Contains(control, line+"\n") {
			t.Errorf("no %q in\n%s", line, control)
		}
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		do(t, root, nil, "sh", "-n", filepath.Join(root, "DEBIAN", script))
	}
	list := do(t, root, nil, "dpkg-deb", "--contents", deb)
	for _, want := range []string{"drwx------ root/root         0 2026-11-23 10:00 ./etc/drainline/credentials/", "-rwxr-xr-x root/root"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
}

func checkRPM(t *testing.T, rpm string) {
	t.Helper()
	const format = "[%{FILEMODES:octal} %{FILEUSERNAME} %{FILEFLAGS:fflags} %{FILENAMES}\n]"
	list := do(t, ".", nil, "rpm", "--query", "--package", "--queryformat", format, rpm)
	for name := range installed {
		if !strings.Contains(list, " "+name+"\n") {
			t.Errorf("no %s in\n%s", name, list)
		}
	}
	for _, want := range []string{"100644 root cn " + installedConfig, "40700 root  /etc/drainline/credentials", "100755 root  " + installedProgram} {
		if !strings.Contains(list, want+"\n") {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if head := do(t, ".", nil, "rpm", "--query", "--package", "--queryformat", "%{NAME} %{VERSION} %{ARCH} %{LICENSE} %{BUILDHOST}", rpm); head != "drainline "+released+" x86_64 Apache-2.0 localhost" {
		t.Error(head)
	}
}

// checkAddOn compares the packed add-on for Splunk with the one here.
func checkAddOn(t *testing.T, file string) {
	t.Helper()
	contents, _ := unpack(t, file)
	here := strings.Fields(do(t, "../../deploy/splunk", nil, "find", "TA-drainline", "-type", "f"))
	slices.Sort(here)
	if packed := slices.Sorted(maps.Keys(contents)); len(here) == 0 || !slices.Equal(packed, here) {
		t.Fatalf("packed are %v of %v", packed, here)
	}
	for name, content := range contents {
		if !bytes.Equal(content, []byte(read(t, filepath.Join("../../deploy/splunk", name)))) {
			t.Errorf("%s differs", name)
		}
	}
}

// A license that nobody has looked at stops a release.
func TestLicenses(t *testing.T) {
	t.Parallel()
	do(t, "../..", nil, "make", "release-tools")
	const one = `{"components": [{"name": "example.com/a", "version": "v1.0.0", "evidence": {"licenses": [%s]}}]}`
	for _, c := range []struct{ licenses, refused string }{
		{`{"license": {"id": "MIT"}}`, ""},
		{`{"license": {"id": "GPL-3.0-only"}}`, "example.com/a v1.0.0: GPL-3.0-only is not allowed"},
		{`{"license": {"id": "MIT"}}, {"license": {"id": "GPL-3.0-only"}}`, "GPL-3.0-only is not allowed"},
		{`{"license": {"name": "Ours"}}`, "Ours is not allowed"},
		{``, "no license was found"},
	} {
		out, err := exec.CommandContext(t.Context(), "../../.bin/licenses", writeFile(t, fmt.Appendf(nil, one, c.licenses))).CombinedOutput()
		if (err == nil) != (c.refused == "") || !strings.Contains(string(out), c.refused) {
			t.Errorf("%s: %v %s", c.licenses, err, out)
		}
	}
}
