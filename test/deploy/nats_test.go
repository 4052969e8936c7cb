package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/drainline/drainline/test/internal/port"
	"github.com/drainline/drainline/test/internal/process"
	"github.com/drainline/drainline/test/simulators/splunk"
)

const (
	natsFolder = "../../deploy/nats"

	natsDrain  = "d.01234567-89ab-cdef-0123-456789abcdef"
	natsSecret = "s3cret"
	natsToken  = "11111111-2222-3333-4444-555555555555"
	ackToken   = "66666666-7777-8888-9999-000000000000"
	ackChannel = "0aeeac95-ac74-4aa9-b30d-6c4c0ac581ba"

	// violation is what a NATS server logs when somebody wants more than he may.
	violation = "Violation"
)

// natsConfig is what services and commands are started with. With joined lines and
// acknowledgement nothing that the bus does is left out.
const natsConfig = `
drains: [{token: %s, app: shop, join: java}]
ingest: {shutdown_delay: 0s, hec: {tokens: {web: {token: %s, ack: true}}}}
destinations: {splunk: {urls: [%q], token: %s}}
`

// The permissions in the folder are those of the configuration in it.
func TestNATSUsers(t *testing.T) {
	t.Parallel()
	printed := process.Command{
		Name: "permissions",
		Args: []string{program(t, "drainline"), "streams", "permissions", "--config", filepath.Join(natsFolder, "drainline.yaml")},
	}.Start(t)
	if code := printed.Exit(); code != 0 || printed.Output() != read(t, filepath.Join(natsFolder, "users.conf")) {
		t.Errorf("deploy/nats/users.conf: print it again with `drainline streams permissions --config deploy/nats/drainline.yaml`, which ended with %d", code)
	}
}

// The cluster of the folder carries everything, for services of which each is its own
// user. None of them, nor who runs them, ever wants more than he may; and what else they
// could want is refused.
func TestNATSCluster(t *testing.T) {
	t.Parallel()
	sim := newIndexer(t)
	c := startCluster(t, fmt.Sprintf(natsConfig, natsDrain, ackToken, sim.url, natsToken))
	c.must("admin", "streams", "apply")
	shipper, transform, ingest := c.service("shipper"), c.service("transform"), c.service("ingest")
	for _, p := range []*process.Process{shipper, transform, ingest} {
		p.Line(`admin +(http://\S+) .*`)
	}
	door, collector := "http://user:"+natsSecret+"@"+c.door+"/logs", "http://"+c.collector+"/services/collector"

	const numbered = 2000
	accepted := c.send(door, "--count", strconv.Itoa(numbered), "--drains", "4", "--frames", "10")
	if len(accepted) < numbered {
		t.Errorf("%d of %d are accepted", len(accepted), numbered)
	}
	c.post(door, natsDrain, "java.lang.IllegalStateException: joined\n", "\tat shop.Cart.pay(Cart.java:1)\n", "an ordinary line\n")
	c.post(door, natsDrain, poisonous+"\n")
	ackID := c.collect(collector)
	sim.await(accepted)
	process.Eventually(t, "the lines of a trace are one event", func() bool {
		return sim.has("java.lang.IllegalStateException: joined\n\tat shop.Cart.pay(Cart.java:1)")
	})
	process.Eventually(t, "the ackId is true", func() bool { return c.acknowledged(collector, ackID) })
	process.Eventually(t, "the dead letter is kept", func() bool { return strings.Contains(c.must("operator", "dead", "list"), "hec_6") })

	for _, command := range [][]string{
		{"top", "--once"},
		{"ledger"},
		{"audit"},
		{"dead", "show"},
		{"streams", "show"},
		{"dead", "replay", "--yes", "--limit", "1"},
		{"doctor", "--as", "operator"},
	} {
		c.must("operator", command...)
	}
	tapped := c.command("operator", "tap", "events", "--limit", "1").Start(t)
	process.Eventually(t, "tap shows an event", func() bool {
		c.post(door, natsDrain, "tapped\n")
		return tapped.HasEnded()
	})
	if tapped.Exit() != 0 || !strings.Contains(tapped.Output(), "tapped") {
		t.Errorf("tap ended with %d: %s", tapped.Exit(), tapped.Output())
	}
	process.Eventually(t, "the letter died again", func() bool { return strings.Contains(c.must("operator", "dead", "list"), "hec_6") })
	c.must("operator", "dead", "purge", "--yes", "--reason", "hec_6")
	for _, user := range []string{"ingest", "transform", "shipper"} {
		c.must(user, "doctor", "--as", user)
	}
	status := c.command("operator", "status").Start(t)
	status.Exit() // with 1 where something needs a human, such as a drain that is not listed
	seen := status.Output()
	for _, service := range []string{"ingest", "transform", "shipper"} {
		if !strings.Contains(seen, service) {
			t.Errorf("%s is not seen: %s", service, seen)
		}
	}
	t.Run("backup", func(t *testing.T) { c.checkBackup(t) })
	if found := c.violations(); found != nil {
		t.Errorf("somebody wants more than he may:\n%s", strings.Join(found, "\n"))
	}

	t.Run("refused", func(t *testing.T) { c.checkRefusals(t) })
	t.Run("not by a stranger", func(t *testing.T) {
		if nc, err := nats.Connect(c.url(), nats.RootCAs(c.file("keys/ca.pem"))); err == nil {
			nc.Close()
			t.Error("connected without a key")
		}
	})
	t.Run("differences", func(t *testing.T) { c.checkDifferences(t) })
	t.Run("a node dies", func(t *testing.T) { c.checkKill(t, sim, door) })
	for _, p := range []*process.Process{ingest, transform, shipper} {
		p.Stop()
	}
}

// checkBackup copies a stream as `nats backup stream` does, and makes it anew out of the copy
// once it is lost.
func (c *natsCluster) checkBackup(t *testing.T) {
	t.Helper()
	const (
		stream  = "drainline_audit"
		timeout = 30 * time.Second
	)
	kept := c.must("operator", "audit")
	backup, admin := c.connectAs(t, "backup", "backup"), c.connectAs(t, "admin", "operator")
	ask := func(nc *nats.Conn, call string, request any) (answer map[string]any) {
		t.Helper()
		var body []byte
		if request != nil {
			var err error
			if body, err = json.Marshal(request); err != nil {
				t.Fatal(err)
			}
		}
		m, err := nc.Request("$JS.API.STREAM."+call+"."+stream, body, timeout)
		if err == nil {
			err = json.Unmarshal(m.Data, &answer)
		}
		if err != nil || answer["error"] != nil {
			t.Fatalf("%s: %v, %v", call, answer["error"], err)
		}
		return answer
	}
	inbox := backup.NewInbox()
	sub, err := backup.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	about := ask(backup, "SNAPSHOT", map[string]any{"deliver_subject": inbox, "chunk_size": 128 << 10})
	var chunks [][]byte
	for {
		m, err := sub.NextMsg(timeout)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Data) == 0 {
			break
		}
		chunks = append(chunks, m.Data)
		if m.Reply == "" {
			continue
		}
		if err := m.Respond(nil); err != nil {
			t.Fatal(err)
		}
	}
	ask(admin, "DELETE", nil)
	to, _ := ask(backup, "RESTORE", map[string]any{"config": about["config"], "state": about["state"]})["deliver_subject"].(string)
	for _, chunk := range append(chunks, nil) { // the empty one ends it
		m, err := backup.Request(to, chunk, timeout)
		if err != nil || strings.Contains(string(m.Data), `"error"`) {
			t.Fatalf("restoring: %v, %v", m, err)
		}
	}
	if got := c.must("operator", "audit"); got != kept || kept == "" {
		t.Errorf("restored is\n%swhat was kept is\n%s", got, kept)
	}
}

// checkRefusals tries what the users of services and people could want of each other's.
func (c *natsCluster) checkRefusals(t *testing.T) {
	t.Helper()
	const (
		publish   = "publish"
		subscribe = "subscribe"
		ack       = ".1.1.1.1.1"
	)
	connections := map[string]*nats.Conn{}
	for _, user := range []string{"ingest", "transform", "shipper", "admin", "operator", "backup"} {
		connections[user] = c.connect(t, user)
	}
	for _, r := range []struct{ user, want, subject string }{
		{"ingest", publish, "drainline.events.splunk"},
		{"ingest", publish, "drainline.raw.s1"},
		{"ingest", publish, "drainline.dead.shipper.hec_6"},
		{"ingest", publish, "drainline.ledger.2026010100.shipper.a.0"},
		{"ingest", publish, "drainline.acks.shipper"},
		{"ingest", publish, "$JS.API.CONSUMER.MSG.NEXT.drainline_raw_s0.transform"},
		{"ingest", publish, "$JS.ACK.drainline_raw_s0.transform" + ack},
		{"ingest", publish, "$JS.ACK.drainline_events_splunk.shipper" + ack},
		{"ingest", publish, "$JS.API.STREAM.MSG.GET.drainline_events_splunk"},
		{"ingest", publish, "$JS.API.STREAM.MSG.GET.drainline_dead"},
		{"ingest", publish, "$JS.API.CONSUMER.CREATE.drainline_raw_s0.mine"},
		{"ingest", publish, "$JS.API.CONSUMER.CREATE.drainline_dead.mine"},
		{"ingest", subscribe, "drainline.raw.s0"},
		{"ingest", subscribe, "drainline.events.>"},
		{"ingest", subscribe, "_INBOX_shipper.>"},
		{"transform", publish, "drainline.raw.s0"},
		{"transform", publish, "drainline.events.other"},
		{"transform", publish, "drainline.acks.ingest"},
		{"transform", publish, "drainline.ackids.1"},
		{"transform", publish, "drainline.seen"},
		{"transform", publish, "$JS.API.CONSUMER.MSG.NEXT.drainline_events_splunk.shipper"},
		{"transform", publish, "$JS.ACK.drainline_events_splunk.shipper" + ack},
		{"transform", publish, "$JS.API.CONSUMER.DELETE.drainline_raw_s0.transform"},
		{"transform", publish, "$JS.API.STREAM.MSG.DELETE.drainline_raw_s0"},
		{"transform", subscribe, "drainline.events.splunk"},
		{"transform", subscribe, "_INBOX_ingest.>"},
		{"shipper", publish, "drainline.raw.s0"},
		{"shipper", publish, "drainline.events.splunk"},
		{"shipper", publish, "drainline.dead.transform.bad_frame"},
		{"shipper", publish, "$JS.API.CONSUMER.MSG.NEXT.drainline_raw_s0.transform"},
		{"shipper", publish, "$JS.ACK.drainline_raw_s0.transform" + ack},
		{"shipper", publish, "$JS.API.STREAM.MSG.GET.drainline_raw_s0"},
		{"shipper", subscribe, "drainline.raw.>"},
		{"admin", publish, "drainline.raw.s0"},
		{"admin", publish, "drainline.events.splunk"},
		{"admin", publish, "$JS.API.STREAM.CREATE.other"},
		{"admin", publish, "$JS.API.STREAM.PURGE.drainline_raw_s0"},
		{"admin", publish, "$JS.API.STREAM.MSG.GET.drainline_raw_s0"},
		{"admin", publish, "$JS.API.CONSUMER.MSG.NEXT.drainline_raw_s0.transform"},
		{"admin", subscribe, "drainline.dead.>"},
		{"operator", publish, "$JS.API.STREAM.UPDATE.drainline_raw_s0"},
		{"operator", publish, "$JS.API.STREAM.DELETE.drainline_dead"},
		{"operator", publish, "$JS.API.STREAM.PURGE.drainline_dead"},
		{"operator", publish, "$JS.API.STREAM.MSG.DELETE.drainline_raw_s0"},
		{"operator", publish, "$JS.API.STREAM.MSG.DELETE.drainline_audit"},
		{"operator", publish, "$JS.API.CONSUMER.CREATE.drainline_raw_s0.mine"},
		{"operator", publish, "$JS.API.CONSUMER.MSG.NEXT.drainline_events_splunk.shipper"},
		{"operator", publish, "$JS.ACK.drainline_events_splunk.shipper" + ack},
		{"operator", publish, "drainline.seen"},
		{"backup", publish, "drainline.raw.s0"},
		{"backup", publish, "drainline.audit"},
		{"backup", publish, "$JS.API.STREAM.SNAPSHOT.other"},
		{"backup", publish, "$JS.API.STREAM.RESTORE.other"},
		{"backup", publish, "$JS.API.STREAM.MSG.DELETE.drainline_dead"},
		{"backup", publish, "$JS.API.CONSUMER.CREATE.drainline_dead.mine"},
		{"backup", publish, "$JS.API.CONSUMER.MSG.NEXT.drainline_events_splunk.shipper"},
		{"backup", subscribe, "drainline.dead.>"},
		{"backup", subscribe, "_INBOX_operator.>"},
	} {
		c.mustRefuse(t, connections[r.user], r.user, r.want, r.subject)
	}
	may := map[string][]string{
		"admin":  {"STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE"},
		"backup": {"STREAM.SNAPSHOT", "STREAM.RESTORE"},
	}
	for user, nc := range connections {
		c.mustRefuse(t, nc, user, subscribe, ">")
		for _, call := range []string{"STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE", "STREAM.SNAPSHOT", "STREAM.RESTORE"} {
			if slices.Contains(may[user], call) {
				continue
			}
			for _, stream := range []string{"drainline_raw_s0", "drainline_events_splunk", "drainline_dead", "drainline_audit"} {
				c.mustRefuse(t, nc, user, publish, "$JS.API."+call+"."+stream)
			}
		}
	}
	if !slices.ContainsFunc(c.violations(), func(line string) bool { return strings.Contains(line, "$JS.API.STREAM.DELETE.drainline_dead") }) {
		t.Error("the servers' logs do not tell of it")
	}
}

func (c *natsCluster) mustRefuse(t *testing.T, nc *nats.Conn, user, want, subject string) {
	t.Helper()
	var err error
	if want == "subscribe" {
		_, err = nc.SubscribeSync(subject)
	} else {
		err = nc.Publish(subject, nil)
	}
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	// The connection knows of a denial before the answer to a flush.
	if err := nc.LastError(); err == nil || !strings.Contains(err.Error(), strconv.Quote(subject)) {
		t.Errorf("%s may %s %s: %v", user, want, subject, err)
	}
}

// checkDifferences starts a service and applies streams by configurations that the streams
// are not as.
func (c *natsCluster) checkDifferences(t *testing.T) {
	t.Helper()
	differs := c.command("shipper", "shipper", "--set", "bus.dead.max_age=1h", "--set", "admin.listen=127.0.0.1:0").Start(t)
	differs.Line(`.*the bus differs from the configuration.*max_age.*`)
	differs.Line(`admin +(http://\S+) .*`)
	differs.Stop()

	const soon = 40 * time.Second // which a busy machine does not take either; a question nobody answered took a minute
	for _, tried := range []struct {
		user, want string
		args       []string
	}{
		{"shipper", "drainline_raw_s1 may not be looked at by this user", []string{"shipper", "--set", "bus.raw.shards=2", "--set", "admin.listen=127.0.0.1:0"}},
		{"operator", "may not be changed by this user", []string{"streams", "apply", "--set", "bus.dead.max_age=1h"}},
	} {
		begun := time.Now()
		p := c.command(tried.user, tried.args...).Start(t)
		if code := p.Exit(); code != 1 || !strings.Contains(p.Output(), tried.want) {
			t.Errorf("%v ended with %d: %s", tried.args, code, p.Output())
		}
		if took := time.Since(begun); took > soon {
			t.Errorf("%v took %v", tried.args, took)
		}
	}
}

// checkKill kills a node while messages come.
func (c *natsCluster) checkKill(t *testing.T, sim *indexer, door string) {
	t.Helper()
	ids := filepath.Join(t.TempDir(), "accepted")
	const drains, frames = 4, 10
	sender := process.Command{
		Name: "send", Args: []string{
			c.drainline, "send", door, "--quiet", "--ledger", ids, "--drains", strconv.Itoa(drains), "--frames", strconv.Itoa(frames), "--rate", "2000",
		},
	}.Start(t)
	before := sim.distinct()
	process.Eventually(t, "messages arrive", func() bool { return sim.distinct() > before+500 })
	c.nodes[0].Signal(syscall.SIGKILL)
	c.nodes[0].Exit()
	// A request of each drain may have been answered by then and stand in the ledger later.
	soFar := len(strings.Fields(read(t, ids))) + drains*frames
	process.Eventually(t, "messages are accepted without the node", func() bool {
		if sender.HasEnded() {
			t.Fatalf("the sender ended with %d: %s", sender.Exit(), sender.Output())
		}
		return len(strings.Fields(read(t, ids))) > soFar+500
	})
	sender.Signal(syscall.SIGTERM)
	sender.Exit() // what was refused meanwhile is not in the ledger
	accepted := strings.Fields(read(t, ids))
	t.Logf("%d are accepted, %d of them without the node", len(accepted), len(accepted)-soFar)
	c.start(0)
	sim.await(accepted)
}

// natsNode is a NATS server with the users of the folder, each with leave for nothing
// but what the folder gives it.
type natsNode struct {
	*process.Process

	address string
	keys    string // the folder
}

// natsWithUsers starts one, and fails a test in which somebody wants more than it may.
func natsWithUsers(t *testing.T) natsNode {
	t.Helper()
	dir, address := t.TempDir(), port.Free(t)
	keys, file := filepath.Join(dir, "keys"), filepath.Join(dir, "nats.conf")
	do(t, "", nil, program(t, "drainline"), "keys", keys, "--certificates")
	do(t, "", nil, "cp", filepath.Join(natsFolder, "users.conf"), dir)
	content := fmt.Sprintf(`
listen: %q
jetstream {store_dir: %q, max_file_store: 1TB}
tls {cert_file: "keys/server.pem", key_file: "keys/server-key.pem"}
accounts {DRAINLINE {jetstream: enabled, include "users.conf"}}
`, address, filepath.Join(dir, "data"))
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	server := process.Command{Name: "nats-server", Dir: dir, Args: []string{program(t, "nats-server"), "-c", file}}.Start(t)
	server.Line(`.* Server is ready`)
	t.Cleanup(func() {
		if strings.Contains(server.Output(), violation) {
			t.Errorf("somebody wanted more than it may:\n%s", server.Output())
		}
	})
	return natsNode{Process: server, address: address, keys: keys}
}

// natsCluster is the cluster of the folder on this machine.
type natsCluster struct {
	t         *testing.T
	dir       string
	server    string // the program
	drainline string
	config    string
	clients   []string // addresses
	routes    []string
	monitors  []string
	nodes     []*process.Process
	door      string
	collector string
}

// startCluster makes the keys and starts the nodes of what the folder has, with the
// permissions for a configuration.
func startCluster(t *testing.T, config string) *natsCluster {
	t.Helper()
	c := &natsCluster{
		t: t, dir: t.TempDir(), server: program(t, "nats-server"), drainline: program(t, "drainline"),
		door: port.Free(t), collector: port.Free(t), nodes: make([]*process.Process, 3),
	}
	c.config = c.file("drainline.yaml")
	c.write("drainline.yaml", config)
	do(t, "", nil, c.drainline, "keys", c.file("keys"), "--certificates")
	c.write("nats.conf", read(t, filepath.Join(natsFolder, "nats.conf")))
	c.write("users.conf", do(t, "", nil, c.drainline, "streams", "permissions", "--config", c.config))
	for range c.nodes {
		c.clients = append(c.clients, port.Free(t))
		c.routes = append(c.routes, port.Free(t))
		c.monitors = append(c.monitors, port.Free(t))
	}
	for n := range c.nodes {
		c.start(n)
	}
	for n := range c.nodes {
		process.Eventually(t, "the node is well", func() bool {
			status, _ := get(t, "http://"+c.monitors[n]+"/healthz")
			return status == http.StatusOK
		})
	}
	return c
}

func (c *natsCluster) file(name string) string { return filepath.Join(c.dir, name) }

func (c *natsCluster) write(name, content string) {
	c.t.Helper()
	if err := os.WriteFile(c.file(name), []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// start starts a node with the environment that nats.conf names.
func (c *natsCluster) start(n int) {
	c.t.Helper()
	name := "nats-" + strconv.Itoa(n+1)
	c.nodes[n] = process.Command{
		Name: name, Args: []string{c.server, "-c", "nats.conf", "-l", name + ".log"}, Dir: c.dir,
		Env: []string{
			"NATS_NAME=" + name, "NATS_STORE=" + c.file(name), "NATS_MAX_STORE=1TB",
			"NATS_LISTEN=" + c.clients[n], "NATS_CLUSTER_LISTEN=" + c.routes[n], "NATS_MONITOR_LISTEN=" + c.monitors[n],
			"NATS_ROUTES=[nats://" + strings.Join(c.routes, ", nats://") + "]",
		},
	}.Start(c.t)
}

func (c *natsCluster) url() string { return "nats://" + strings.Join(c.clients, ",nats://") }

// command is a command of drainline's on the bus, as a user.
func (c *natsCluster) command(user string, args ...string) process.Command {
	return process.Command{
		Name: user + "'s " + args[0], Dir: c.dir, Args: append([]string{c.drainline}, append(args, "--config", c.config)...),
		Env: []string{
			"DRAINLINE_BUS__URL=" + c.url(), "DRAINLINE_BUS__REPLICAS=3", "DRAINLINE_BUS__TLS__CA_FILE=keys/ca.pem",
			"DRAINLINE_BUS__NKEY_FILE=keys/" + user + ".nk", "DRAINLINE_DRAIN_SECRET=" + natsSecret, "TERM=dumb",
		},
	}
}

// service starts a service as its own user.
func (c *natsCluster) service(name string) *process.Process {
	c.t.Helper()
	args := []string{name, "--set", "admin.listen=127.0.0.1:0"}
	if name == "ingest" {
		args = append(args, "--set", "ingest.logplex.listen="+c.door, "--set", "ingest.hec.listen="+c.collector)
	}
	return c.command(name, args...).Start(c.t)
}

// must runs a command as a user, who may.
func (c *natsCluster) must(user string, args ...string) string {
	c.t.Helper()
	p := c.command(user, args...).Start(c.t)
	if code := p.Exit(); code != 0 {
		c.t.Fatalf("%s: %v ended with %d: %s", user, args, code, p.Output())
	}
	return p.Output()
}

// send posts numbered messages and returns the ids of those that were accepted.
func (c *natsCluster) send(url string, flags ...string) []string {
	c.t.Helper()
	ids := filepath.Join(c.t.TempDir(), "accepted")
	do(c.t, "", nil, append([]string{c.drainline, "send", url, "--quiet", "--ledger", ids}, flags...)...)
	return strings.Fields(read(c.t, ids))
}

// post posts lines of an app, which are taken.
func (c *natsCluster) post(url, drain string, lines ...string) {
	c.t.Helper()
	if status := postLogplex(c.t, url, drain, lines...); status != http.StatusNoContent {
		c.t.Fatalf("%s answered %d", url, status)
	}
}

// postLogplex posts lines of an app as Logplex does, and returns the answer's status.
func postLogplex(t *testing.T, url, drain string, lines ...string) int {
	t.Helper()
	var body bytes.Buffer
	for _, text := range lines {
		line := "<190>1 2026-05-01T12:00:00.123456+00:00 host app web.1 - " + text
		fmt.Fprintf(&body, "%d %s", len(line), line)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Logplex-Drain-Token", drain)
	request.Header.Set("Logplex-Msg-Count", strconv.Itoa(len(lines)))
	request.Header.Set("Content-Type", "application/logplex-1")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func (c *natsCluster) hec(url, body string) (answer map[string]any) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Splunk "+ackToken)
	request.Header.Set("X-Splunk-Request-Channel", ackChannel)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		c.t.Fatalf("%s answered %d", url, response.StatusCode)
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		c.t.Fatal(err)
	}
	return answer
}

// collect sends an event to the HEC door and returns its ackId.
func (c *natsCluster) collect(url string) string {
	c.t.Helper()
	id, ok := c.hec(url+"/event", `{"event":"acknowledged"}`)["ackId"].(float64)
	if !ok {
		c.t.Fatal("there is no ackId")
	}
	return strconv.FormatFloat(id, 'f', -1, 64)
}

func (c *natsCluster) acknowledged(url, id string) bool {
	c.t.Helper()
	acks, _ := c.hec(url+"/ack", `{"acks":[`+id+`]}`)["acks"].(map[string]any)
	return acks[id] == true
}

// connect is a plain connection to NATS as a user.
func (c *natsCluster) connect(t *testing.T, user string) *nats.Conn {
	t.Helper()
	return c.connectAs(t, user, user)
}

// connectAs is connect with the inbox of a user.
func (c *natsCluster) connectAs(t *testing.T, user, inbox string) *nats.Conn {
	t.Helper()
	key, err := nats.NkeyOptionFromSeed(c.file("keys/" + user + ".nk"))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(c.url(), key, nats.RootCAs(c.file("keys/ca.pem")), nats.CustomInboxPrefix("_INBOX_"+inbox),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// violations are the lines of the servers' logs about what somebody may not.
func (c *natsCluster) violations() []string {
	c.t.Helper()
	var found []string
	for n := range c.nodes {
		for line := range strings.Lines(read(c.t, c.file("nats-"+strconv.Itoa(n+1)+".log"))) {
			if strings.Contains(line, violation) {
				found = append(found, line)
			}
		}
	}
	return found
}

// poisonous is the text of an event that Splunk refuses.
const poisonous = "poisonous"

// indexer is Splunk's simulator, which counts.
type indexer struct {
	t   *testing.T
	url string

	mu    sync.Mutex
	ids   map[string]int
	texts map[string]int // of what has no id
}

func newIndexer(t *testing.T) *indexer {
	t.Helper()
	i := &indexer{t: t, ids: map[string]int{}, texts: map[string]int{}}
	sim := splunk.New(splunk.Options{
		Tokens: map[string]splunk.Token{natsToken: {}},
		Poison: func(e splunk.Event) int {
			if e.Text() == poisonous {
				return 6
			}
			return 0
		},
		OnEvent: func(e splunk.Event) {
			i.mu.Lock()
			defer i.mu.Unlock()
			if id := splunk.ID(e.Text()); id != "" {
				i.ids[id]++
			} else {
				i.texts[e.Text()]++
			}
		},
	})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *indexer) distinct() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.ids)
}

func (i *indexer) has(text string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.texts[text] > 0
}

// await waits until all of these are indexed.
func (i *indexer) await(ids []string) {
	i.t.Helper()
	process.Eventually(i.t, "all that was accepted is indexed", func() bool {
		i.mu.Lock()
		defer i.mu.Unlock()
		return !slices.ContainsFunc(ids, func(id string) bool { return i.ids[id] == 0 })
	})
}
