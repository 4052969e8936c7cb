package player

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
)

// sampleCount is how many different samples there are: enough that compression finds in them about what it finds in real logs.
const sampleCount = 4096

// A template makes one kind of line. In its text ${name} stands for a random value, see value.
type template struct {
	weight  int // of 100
	pri     string
	appname string
	procid  string
	newline bool
	text    string
}

const (
	app, heroku                     = "app", "heroku"           // APPNAMEs
	local7, local3, local0, syslogd = "190", "158", "134", "45" // priorities

	routed = ` request_id=${uuid} fwd="${ip}" dyno=web.${digit} connect=${digit}ms service=${ms}ms status=${status} bytes=${count} `
)

// templates have the priority, process id and newline seen with each kind of line.
var templates = []template{
	{22, local3, heroku, "router", true, `at=info method=${method} path="${path}" host=shop.example.com` + routed + `protocol=https`},
	{
		5, local0, heroku, "router", false,
		`at=info method=${method} path="${path}" host=shop.example.com` + routed + `protocol=http1.1 tls=true tls_version=tls1.3`,
	},
	{
		1, local3, heroku, "router", true,
		`at=error code=H12 desc="Request timeout" method=GET path="${path}" host=shop.example.com request_id=${uuid} fwd="${ip}" ` +
			`dyno=web.${digit} connect=${digit}ms service=30000ms status=503 bytes=0 protocol=https`,
	},
	{
		18, local7, app, "web.1", true,
		`method=${method} path=${path} format=html controller=${noun}s action=show status=${status} duration=${ms}.${count} ` +
			`view=${ms}.${digit} db=${ms}.${digit}`,
	},
	{
		11, local7, app, "web.2", true,
		`{"level":"${level}","msg":"${noun} updated","request_id":"${uuid}","user":${count},"ms":${ms},"host":"shop"}`,
	},
	{9, local7, app, "worker.1", true, `[${level}] Performed ${noun}_job (Job ID: ${uuid}) from queue=default in ${ms}.${digit}ms`},
	{13, local7, app, "web.1", true, `${level}: loaded ${noun} ${count} for user ${count} in ${ms} ms`},
	{6, local7, app, "web.3", true, `${ip} - - "${method} ${path} HTTP/1.1" ${status} ${count} "-" "Mozilla/5.0 (X11; Linux x86_64)"`},
	{2, local7, app, "scheduler.4711", true, `sync of ${count} ${noun}s done, ${digit} failed`},
	{3, local7, app, "web.2", true, "\tat example.shop.${noun}(${noun}.rb:${count})"},
	{
		2, syslogd, heroku, "web.1", true,
		`source=web.1 dyno=heroku.2808254.${uuid} sample#load_avg_1m=${digit}.${digit}6 sample#load_avg_5m=1.06 sample#load_avg_15m=0.99`,
	},
	{
		2, local0, heroku, "web.2", true,
		`source=web.2 dyno=heroku.2808254.${uuid} sample#memory_total=${ms}.22MB sample#memory_rss=${ms}.22MB sample#memory_cache=0.00MB ` +
			`sample#memory_swap=0.00MB sample#memory_pgpgin=${count}pages sample#memory_pgpgout=${count}pages sample#memory_quota=512.00MB`,
	},
	{1, syslogd, heroku, "web.1", true, `State changed from starting to up`},
	{1, syslogd, heroku, "worker.1", true, `Error R14 (Memory quota exceeded)`},
	{
		1, local0, app, "heroku-postgres", false,
		`source=DATABASE addon=postgresql-x-1 sample#current_transaction=${count} sample#db_size=${count}19348bytes sample#tables=13 ` +
			`sample#active-connections=${digit} sample#waiting-connections=0 sample#index-cache-hit-rate=0.99723 ` +
			`sample#table-cache-hit-rate=0.99118 sample#load-avg-1m=0.26 sample#read-iops=0 sample#write-iops=${ms}.325 ` +
			`sample#memory-total=15405636.0kB sample#memory-free=${count}kB sample#memory-cached=14392920.0kB sample#memory-postgres=${count}kB`,
	},
	{1, local0, app, "postgres.1105947", true, `[YELLOW] [12-1] sql_error_code = 00000 LOG: duration: ${ms}.${digit} ms`},
	{
		1, local0, app, "heroku-redis", false,
		`source=REDIS addon=redis-x-1 sample#active-connections=${digit} sample#max-connections=18 sample#load-avg-1m=0.04 ` +
			`sample#memory-total=15664360kB sample#memory-redis=${count}bytes sample#hit-rate=1 sample#evicted-keys=0`,
	},
	{1, local0, app, "api", false, `Release v${count} created by user dev@example.com`},
}

// samples returns the built-in messages, a table that is made when first needed.
var samples = sync.OnceValue(makeSamples)

// makeSamples makes the built-in messages, the same ones every time.
func makeSamples() []message {
	const seed, weights = 1, 100
	r := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // samples are no secret
	samples := make([]message, sampleCount)
	for i := range samples {
		t := pick(r.IntN(weights))
		text := os.Expand(t.text, func(name string) string { return value(r, name) })
		samples[i] = newMessage(t.pri, t.appname, t.procid, text, t.newline)
	}
	return samples
}

// pick returns the template on which a number below the sum of all weights falls.
func pick(n int) template {
	for _, t := range templates {
		if n < t.weight {
			return t
		}
		n -= t.weight
	}
	return templates[0]
}

// value makes a value for a name in a template. What is more common is listed more often.
func value(r *rand.Rand, name string) string {
	choose := func(choices ...string) string { return choices[r.IntN(len(choices))] }
	number := func(below int) string { return strconv.Itoa(r.IntN(below)) }
	switch name {
	case "method":
		return choose("GET", "GET", "GET", "POST", "PUT")
	case "status":
		return choose("200", "200", "200", "200", "201", "302", "304", "404")
	case "level":
		return choose("info", "info", "info", "debug", "warn", "error")
	case "noun":
		return choose("order", "product", "customer", "invoice", "shipment")
	case "path":
		id := number(100_000)
		return choose("/", "/cart", "/healthz", "/api/v2/orders/"+id, "/products/"+id, "/products/"+id+"/reviews", "/search?q="+id)
	case "ip":
		return "203." + number(256) + "." + number(256) + "." + number(256)
	case "digit":
		return strconv.Itoa(1 + r.IntN(9))
	case "ms": // mostly few, sometimes many
		return strconv.Itoa(1 + int(r.ExpFloat64()*40))
	case "count":
		return number(100_000)
	case "uuid":
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Int64N(1<<48))
	default:
		panic("BUG: no value for " + name + " in a template")
	}
}
