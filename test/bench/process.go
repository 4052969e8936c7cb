package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

var errLost = errors.New("not everything that was accepted arrived")

// environment is what the measured processes need, and what they may use.
func environment(splunk string) []string {
	return append(os.Environ(), "SPLUNK_HEC_URL="+splunk, "SPLUNK_HEC_TOKEN="+token, "DRAINLINE_DRAIN_SECRET="+secret)
}

// startSimulator starts Splunk's simulator with more flags.
func (p programs) startSimulator(ctx context.Context, flags ...string) (*exec.Cmd, string, error) {
	args := append([]string{"-listen", "127.0.0.1:0", "-token", token, "-stats", "-fast"}, flags...)
	cmd := exec.CommandContext(ctx, p.simulator, args...)
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

// startDrainline starts one of Drainline's commands with settings (key=value), and
// waits until it answers at the address given.
func startDrainline(ctx context.Context, binary, name, splunk, answers string, settings ...string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, binary, name)
	for _, s := range settings {
		cmd.Args = append(cmd.Args, "--set", s)
	}
	cmd.Env = environment(splunk)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for {
		if _, err := get(ctx, "http://"+answers+"/healthz"); err == nil {
			return cmd, nil
		}
		select {
		case <-ctx.Done():
			stop(cmd)
			return nil, fmt.Errorf("drainline %s does not answer: %s", name, said.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// send plays Logplex until the end that the flags say.
func (p programs) send(ctx context.Context, door string, flags ...string) (sent, error) {
	args := append([]string{"send", "http://:" + secret + "@" + door + "/logs", "--quiet"}, flags...)
	out, err := exec.CommandContext(ctx, p.drainline, args...).Output()
	if err != nil {
		return sent{}, fmt.Errorf("drainline send: %w: %s", err, out)
	}
	return parseSent(string(out))
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

// stats is what the simulator tells of itself.
type stats struct {
	Requests int64   `json:"requests"`
	Events   int64   `json:"events"`
	Bytes    int64   `json:"bytes"`
	P50      float64 `json:"latency_p50_ms"`
	P99      float64 `json:"latency_p99_ms"`
}

func statsOf(ctx context.Context, simulator string) (s stats, err error) {
	body, err := get(ctx, simulator+"/_sim/stats")
	if err == nil {
		err = json.Unmarshal(body, &s)
	}
	if err != nil {
		return s, fmt.Errorf("simulator: %w", err)
	}
	return s, nil
}

// awaitEvents waits until so many have arrived.
func awaitEvents(ctx context.Context, simulator string, want int64) (stats, error) {
	for {
		s, err := statsOf(ctx, simulator)
		if err != nil || s.Events >= want {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("%w: %d of %d", errLost, s.Events, want)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// takeProfile profiles three seconds of a process, unless there is no file for it.
func takeProfile(ctx context.Context, admin, file string) error {
	if file == "" {
		return nil
	}
	profile, err := get(ctx, "http://"+admin+"/debug/pprof/profile?seconds=3")
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return os.WriteFile(file, profile, 0o644)
}

// usage is what the kernel tells of a process.
type usage struct {
	cpu     float64 // seconds
	peak    float64 // bytes
	written float64 // bytes, to the block layer
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

// end tells a process this bench has started to stop, and says how it went.
func end(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return cmd.Wait()
}

// stop ends a process, of which nothing more is wanted.
func stop(cmd *exec.Cmd) { _ = end(cmd) }
