package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	token  = "bench-token"
	secret = "benchsecret"

	// patience bounds every wait for a process.
	patience = 2 * time.Minute
)

// bench is one run of one shape.
type bench struct {
	shape     shape
	binary    string
	player    string
	simulator string
	dir       string
	profile   string
}

// stats is what the simulator tells of itself.
type stats struct {
	Events int64   `json:"events"`
	P50    float64 `json:"latency_p50_ms"`
	P99    float64 `json:"latency_p99_ms"`
}

// usage is what the kernel tells of a process.
type usage struct {
	cpu     float64 // seconds
	peak    float64 // bytes
	written float64 // bytes, to the block layer
}

// measure runs the flat-out phase on fresh processes, then the steady phase.
func (o *options) measure(ctx context.Context, b bench) (result, error) {
	var r result
	flat, err := b.phase(ctx, o.drains, 0, "--count", strconv.FormatInt(b.shape.count, 10))
	if err != nil {
		return r, err
	}
	b.profile = ""
	steady, err := b.phase(ctx, o.drains, o.rate, "--for", o.steady.String())
	if err != nil {
		return r, err
	}
	seconds := flat.elapsed.Seconds()
	events := float64(flat.sent.accepted)
	return result{
		float64(flat.sent.requests) / seconds, events / seconds, flat.sent.bytes / seconds / 1e6,
		events / flat.usage.cpu, flat.usage.cpu / events * 1e6, flat.usage.peak / 1e6, flat.usage.written / flat.sent.bytes,
		flat.stats.P50, flat.stats.P99, steady.stats.P50, steady.stats.P99,
	}, nil
}

// phase is one load on fresh processes, until everything has arrived.
type phase struct {
	sent    sent
	stats   stats
	usage   usage
	elapsed time.Duration // from the first message to the last one's arrival
}

func (b bench) phase(ctx context.Context, drains int, rate float64, end ...string) (p phase, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := os.RemoveAll(b.dir); err != nil {
		return p, err
	}
	sim, url, err := b.startSimulator(ctx)
	if err != nil {
		return p, err
	}
	defer stop(sim)
	pipeline, door, admin, err := b.startPipeline(ctx, url)
	if err != nil {
		return p, err
	}
	defer stop(pipeline)
	before, err := usageOf(pipeline.Process.Pid)
	if err != nil {
		return p, err
	}
	profiled := make(chan error, 1)
	go func() { profiled <- b.takeProfile(ctx, admin) }()

	began := time.Now()
	args := append([]string{
		"send", "http://:" + secret + "@" + door + "/logs", "--quiet", "--numbered", "--drains", strconv.Itoa(drains),
		"--frames", strconv.Itoa(b.shape.frames), "--rate", strconv.FormatFloat(rate, 'f', -1, 64),
	}, end...)
	out, err := exec.CommandContext(ctx, b.player, args...).Output()
	if err != nil {
		return p, fmt.Errorf("drainline send: %w: %s", err, out)
	}
	if p.sent, err = parseSent(string(out)); err != nil {
		return p, err
	}
	if p.stats, err = awaitEvents(ctx, url, p.sent.accepted); err != nil {
		return p, err
	}
	p.elapsed = time.Since(began)
	after, err := usageOf(pipeline.Process.Pid)
	if err != nil {
		return p, err
	}
	p.usage = usage{cpu: after.cpu - before.cpu, peak: after.peak, written: after.written - before.written}
	return p, <-profiled
}

func (b bench) startSimulator(ctx context.Context) (*exec.Cmd, string, error) {
	cmd := exec.CommandContext(ctx, b.simulator, "-listen", "127.0.0.1:0", "-token", token, "-stats", "-fast")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, "", fmt.Errorf("simulator: %w", err)
	}
	return cmd, strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), nil
}

func (b bench) startPipeline(ctx context.Context, splunk string) (cmd *exec.Cmd, door, admin string, err error) {
	if door, err = freeAddress(ctx); err != nil {
		return nil, "", "", err
	}
	if admin, err = freeAddress(ctx); err != nil {
		return nil, "", "", err
	}
	cmd = exec.CommandContext(ctx, b.binary, "run", "--set", "bus.embedded.dir="+b.dir,
		"--set", "ingest.logplex.listen="+door, "--set", "admin.listen="+admin, "--set", "admin.pprof=true")
	cmd.Env = append(os.Environ(), "SPLUNK_HEC_URL="+splunk, "SPLUNK_HEC_TOKEN="+token, "DRAINLINE_DRAIN_SECRET="+secret)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, "", "", err
	}
	for {
		if res, err := get(ctx, "http://"+door+"/healthz"); err == nil {
			_ = res
			return cmd, door, admin, nil
		}
		select {
		case <-ctx.Done():
			return nil, "", "", fmt.Errorf("drainline run does not answer: %s", said.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// takeProfile profiles three seconds of the flat-out phase.
func (b bench) takeProfile(ctx context.Context, admin string) error {
	if b.profile == "" {
		return nil
	}
	profile, err := get(ctx, "http://"+admin+"/debug/pprof/profile?seconds=3")
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return os.WriteFile(b.profile, profile, 0o644)
}

func awaitEvents(ctx context.Context, url string, want int64) (stats, error) {
	var s stats
	for {
		body, err := get(ctx, url+"/_sim/stats")
		if err != nil {
			return s, fmt.Errorf("simulator: %w", err)
		}
		if err := json.Unmarshal(body, &s); err != nil {
			return s, fmt.Errorf("simulator: %w", err)
		}
		if s.Events >= want {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("%w: %d of %d", errLost, s.Events, want)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// sent is what `drainline send` reports.
type sent struct {
	accepted int64
	requests int64
	bytes    float64
}

var reported = regexp.MustCompile(`(?s)sent +(\d+) messages in (\d+) requests, ([^\s]+)\s+accepted +(\d+) \(\d+/s, ([\d.]+) MB/s`)

func parseSent(out string) (sent, error) {
	m := reported.FindStringSubmatch(out)
	if m == nil {
		return sent{}, fmt.Errorf("drainline send reported nothing readable: %s", out)
	}
	requests, err1 := strconv.ParseInt(m[2], 10, 64)
	took, err2 := time.ParseDuration(m[3])
	accepted, err3 := strconv.ParseInt(m[4], 10, 64)
	rate, err4 := strconv.ParseFloat(m[5], 64)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return sent{}, fmt.Errorf("drainline send: %w: %s", err, out)
		}
	}
	return sent{accepted: accepted, requests: requests, bytes: rate * 1e6 * took.Seconds()}, nil
}

// usageOf reads what Linux counts for a process.
func usageOf(pid int) (usage, error) {
	var u usage
	proc := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return u, err
	}
	// Fields are counted after the command's name, which may hold spaces.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const utime, stime, ticks = 11, 12, 100
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return u, err
		}
		u.cpu += n / ticks
	}
	if u.peak, err = field(proc+"/status", "VmHWM:"); err != nil {
		return u, err
	}
	u.peak *= 1024
	u.written, err = field(proc+"/io", "write_bytes:")
	return u, err
}

func field(file, name string) (float64, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, name)
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	return io.ReadAll(res.Body)
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// stop ends a process this bench has started.
func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
}
