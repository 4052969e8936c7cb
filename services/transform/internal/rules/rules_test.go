package rules

import (
	"strings"
	"testing"
)

const (
	web    = `app/web.1: order 17 by joe@example.com`
	router = `heroku/router: at=info method=GET path="/healthz" host=shop.example.com request_id=abc fwd="1.2.3.4" dyno=web.1 ` +
		`connect=0ms service=7ms status=200 bytes=2 protocol=https`
	object = `app/web.1:  {"user":{"id":17},"ts":1714564801.5,"ok":true,"tags":["a","b"],"path":"/x"} `
	pairs  = `app/worker.2: user=17 took=12.5 note="all is well"`
	sent   = `hec: {"user":17,"email":"joe@example.com"}`
)

// endless has more than expressions look into.
var endless = `hec: {"list":[` + strings.Repeat("0,", 10_000) + `0]}`

const failedOn = `+drainline_rule_error=`

func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rules    these
		in, want string
	}{
		// when
		{these{`drop: true`}, web, `filtered`},
		{these{`when: 'kind == "router"', drop: true`}, web, `as it was`},
		{these{`when: 'kind == "router"', drop: true`}, router, `filtered`},
		{these{`when: 'kind == "router" && fields.path == "/healthz" && fields.status < 400', drop: true`}, router, `filtered`},
		{these{`when: 'fields.nothing > 3', drop: true`}, web, `as it was`},
		{these{`when: 'index == "a"', drop: true`, `set: {index: a}`}, web, `index=a`},
		{these{`set: {index: a}`, `when: 'index == "a"', drop: true`}, web, `filtered`},

		// apps
		{these{`apps: [shop], drop: true`}, web, `filtered`},
		{these{`apps: [blog], drop: true`}, web, `as it was`},
		{these{`set: {index: a}`, `apps: [shop], set: {index: b}`, `apps: [blog], drop: true`, `set: {source: '{{ index }}'}`}, web, `source=b index=b`},

		// parse
		{these{`set: {index: 'i{{ fields.user.id }}'}`}, object, `index=i`},
		{these{`parse: json`, `set: {index: 'i{{ fields.user.id }}'}`}, object, `index=i17`},
		{these{`parse: json, set: {index: 'i{{ fields.user.id }}'}`}, object, `index=i17`},
		{these{`parse: auto, set: {index: 'i{{ fields.user }}'}`}, pairs, `index=i17`},
		{these{`parse: '(?P<number>\d+)', set: {index: 'i{{ fields.number }}'}`}, web, `index=i17`},
		{these{`parse: none, set: {source: 's{{ fields.status }}'}`}, router, `source=s`},
		{these{`parse: auto, set: {source: 's{{ fields.service }}'}`}, router, `source=s7`},
		{these{`set: {index: 'i{{ fields.user }}'}`}, sent, `index=i17`},

		// set
		{these{`set: {index: web, host: h, source: s, sourcetype: st}`}, web, `host=h source=s sourcetype=st index=web`},
		{these{`set: {host: '{{ dyno }}', source: '{{ host }}'}`}, web, `host=web.1 source=shop`},
		{these{`set: {host: '{{ code }}', source: 's{{ code }}'}`}, web, `source=s`},
		{these{`set: {message: 'no more'}`}, web, `message=no more`},
		{these{`set: {message: '{{ app }}: {{ message }}'}`}, web, `message=shop: order 17 by joe@example.com`},
		{these{`set: {message: '{{ app }}'}`}, sent, `message=shop`},
		{these{`set: {message: 'status=500'}, parse: logfmt`, `when: 'fields.status == 500', set: {index: a}`}, web, `index=a message=status=500`},
		{these{`set: {index: '{{ message }}'}`}, web, failedOn + `"r1"`},
		{these{`set: {index: '-{{ app }}'}`}, web, failedOn + `"r1"`},
		{these{`set: {host: '{{ message }}'}`}, "app/web.1: a\tb", failedOn + `"r1"`},
		{these{`set: {host: '{{ message }}'}`}, "app/web.1: a\xff", failedOn + `"r1"`},
		{these{`set: {host: '{{ message }}'}`}, "app/web.1: " + strings.Repeat("x", 1001), failedOn + `"r1"`},
		{these{`set: {time: '2024-05-01T14:00:01.5+02:00'}`}, web, `time=1714564801500000000`},
		{these{`set: {time: '{{ message }}'}`}, `app/web.1: 1714564801`, `time=1714564801000000000`},
		{these{`set: {time: '{{ message }}'}`}, `app/web.1: 1714564801.123456789012`, `time=1714564801123456789`},
		{these{`set: {time: '{{ message }}'}`}, `app/web.1: 1714564801123.5`, `time=1714564801123500000`},
		{these{`set: {time: '{{ message }}'}`}, `app/web.1: 1714564801123456`, `time=1714564801123456000`},
		{these{`set: {time: '{{ message }}'}`}, `app/web.1: 1714564801123456789`, `time=1714564801123456789`},
		{these{`set: {time: '{{ message }}'}`}, `app/web.1: 99999999999999999999`, failedOn + `"r1"`},
		{these{`set: {time: '{{ message }}'}`}, `app/web.1: 0`, failedOn + `"r1"`},
		{these{`set: {time: '{{ message }}'}`}, `app/web.1: 1969-12-31T00:00:00Z`, failedOn + `"r1"`},
		{these{`set: {time: '{{ message }}'}`}, `app/web.1: -1.5`, failedOn + `"r1"`},
		{these{`set: {time: '{{ message }}'}`}, `app/web.1: 99999999999.9`, failedOn + `"r1"`},
		{these{`set: {time: '{{ message }}'}`}, web, failedOn + `"r1"`},
		{these{`parse: json, set: {time: '{{ fields.ts }}'}`}, object, `time=1714564801500000000`},
		{these{`set: {token: '{{ credential }}'}`}, web, `token=team`},
		{these{`set: {token: '{{ app }}_{{ process }}2'}`}, web, `token=shop_web2`},
		{these{`set: {token: '{{ credential }}'}`, `set: {token: '{{ code }}', index: a}`}, web, `index=a token=team`},
		{these{`set: {token: '{{ credential }}'}`, `set: {token: '{{ app }}'}`}, web, `token=shop`},
		{these{`set: {token: '{{ message }}'}`}, "app/web.1: " + strings.Repeat("x", 32), `token=` + strings.Repeat("x", 32)},
		{these{`set: {token: '{{ message }}'}`}, "app/web.1: " + strings.Repeat("x", 33), failedOn + `"r1"`},
		{these{`set: {token: '{{ message }}'}`}, "app/web.1: Team", failedOn + `"r1"`},
		{these{`set: {token: '{{ message }}'}`}, "app/web.1: a b", failedOn + `"r1"`},
		{these{`set: {token: '{{ message }}'}`}, "app/web.1: é", failedOn + `"r1"`},
		{these{`set: {token: '{{ message }}'}`}, "app/web.1: 8a7bd0d5-a0c1-4c9b-a1f6-3c8b6f0a7e11", failedOn + `"r1"`},
		{these{`set: {token: '{{ credential }}'}`, `set: {token: 't{{ app }}', time: 'x{{ app }}'}`, `set: {token: '{{ dyno }}'}`}, web, `token=team ` + failedOn + `["r2","r3"]`},
		{these{`set: {token: '{{ credential }}', message: m, time: '1714564801', index: i, sourcetype: st, source: s, host: h}`}, web, `host=h source=s sourcetype=st index=i token=team time=1714564801000000000 message=m`},

		// fields
		{these{`fields: {add: {place: '{{ app }}/{{ dyno }}', team: a}}`}, web, `+place="shop/web.1" +team="a"`},
		{these{`fields: {add: {status: '{{ fields.status }}', text: 's{{ fields.status }}'}}`}, router, `+status=200 +text="s200"`},
		{these{`parse: json, fields: {add: {ok: '{{ fields.ok }}', tags: '{{ fields.tags }}', id: '{{ fields.user.id }}'}}`}, object, `+id=17 +ok=true +tags=["a","b"]`},
		{these{`fields: {add: {code: '{{ code }}'}}`}, web, `as it was`},
		{these{`fields: {add: {heroku_app: other}}`}, web, `+heroku_app="other"`},
		{these{`fields: {add: {a: '{{ indexed.b }}', b: x}}`}, web, `+b="x"`},
		{these{`parse: json, fields: {add: {user: '{{ fields.user }}'}}`}, object, failedOn + `"r1"`},
		{these{`parse: json, fields: {add: {x: '{{ [[1]] }}'}}`}, object, failedOn + `"r1"`},
		{these{`fields: {remove: [heroku_dyno, heroku_none]}`}, web, `-heroku_dyno`},
		{these{`fields: {remove: ['heroku_*', nothing]}`}, web, `-heroku_app -heroku_process -heroku_dyno -heroku_kind`},
		{these{`fields: {remove: ['*o*y*']}`}, web, `-heroku_dyno`},
		{these{`fields: {rename: {heroku_app: app}}`}, web, `+app="shop" -heroku_app`},
		{these{`fields: {rename: {heroku_app: heroku_dyno, heroku_dyno: heroku_app}}`}, web, `+heroku_dyno="shop" +heroku_app="web.1"`},
		{these{`fields: {rename: {heroku_app: heroku_dyno}}`}, web, `+heroku_dyno="shop" -heroku_app`},
		{these{`fields: {rename: {nothing: heroku_dyno}}`}, web, `as it was`},
		{these{`fields: {rename: {heroku_app: app}, remove: [heroku_app, 'heroku_k*'], add: {a: '{{ indexed.app }}', k: '{{ indexed.heroku_kind }}'}}`}, web, `+app="shop" +a="shop" -heroku_app -heroku_kind`},

		// body
		{these{`body: json`}, web, `as it was`},
		{these{`parse: json, body: json`}, object, `json={"user":{"id":17},"ts":1714564801.5,"ok":true,"tags":["a","b"],"path":"/x"}`},
		{these{`parse: logfmt, body: json`}, pairs, `json={"user":17,"took":12.5,"note":"all is well"}`},
		{these{`parse: auto, body: json`}, web, `as it was`},
		{these{`body: json`}, sent, `as it was`},
		{these{`parse: json, body: json`, `when: 'fields.user.id == 17', set: {index: a}`}, object, `index=a json={"user":{"id":17},"ts":1714564801.5,"ok":true,"tags":["a","b"],"path":"/x"}`},

		// redact
		{these{`redact: [email]`}, web, `message=order 17 by ***`},
		{these{`redact: [jwt]`}, web, `as it was`},
		{these{`redact: [{pattern: 'joe@\S+', with: gone}]`}, sent, `json={"user":17,"email":"gone"}`},
		{these{`redact: [{pattern: '^web', with: x}]`}, web, `+heroku_process="x" +heroku_dyno="x.1"`},
		{these{`fields: {add: {mail: '{{ message }}'}}, redact: [email]`}, web, `message=order 17 by *** +mail="order 17 by ***"`},
		{these{`redact: [email]`, `parse: 'by (?P<who>.+)', fields: {add: {who: '{{ fields.who }}'}}`}, web, `message=order 17 by *** +who="***"`},
		{these{`parse: json`, `redact: [email]`, `set: {source: '{{ fields.mail }}'}`}, `app/web.1: {"mail":"joe\u0040example.com"}`, `source=*** message={"mail":"***"}`},

		// format, metrics
		{these{`format: splunk_raw`}, web, `format=splunk_raw`},
		{these{`format: json`, `format: vector`}, web, `format=vector`},
		{these{`metrics: both, metrics_index: m`}, web, `metrics=both metrics_index=m`},
		{these{`metrics: both, metrics_index: m`, `metrics: events`}, web, `metrics=events`},

		// the ends of a way
		{these{`drop: true, stop: true`, `set: {index: a}`}, web, `filtered`},
		{these{`set: {index: a}, stop: true`, `set: {index: b}`}, web, `index=a`},
		{these{`stop: true`, `drop: true`}, web, `as it was`},

		// failing
		{these{`when: 'any(fields.list, # == 1)', drop: true`}, endless, failedOn + `"r1"`},
		{these{`when: 'any(fields.list, # == 1)', drop: true, on_error: dead`}, endless, `dead, rule_failed: rule "r1" failed: when: column 12: the expression cannot be evaluated for this event`},
		{these{`set: {index: 'i{{ any(fields.list, # == 1) }}'}`}, endless, failedOn + `"r1"`},
		{these{`set: {index: a}, fields: {add: {a: '{{ any(fields.list, # == 1) }}'}}`}, endless, failedOn + `"r1"`},
		{these{`set: {index: a}, sample: {rate: 2, key: 'any(fields.list, # == 1)'}`}, endless, failedOn + `"r1"`},
		{these{`set: {index: a}, limit: {events: 2, key: 'any(fields.list, # == 1)'}`}, endless, failedOn + `"r1"`},
		{these{`set: {index: a, host: '{{ message }}'}`}, "app/web.1: \x01", failedOn + `"r1"`},
		{these{`set: {index: a}`, `set: {index: b, time: 'x{{ app }}'}`, `set: {source: '{{ index }}'}`}, web, `source=a index=a ` + failedOn + `"r2"`},
		{these{`set: {time: 'x{{ app }}'}, drop: true`}, web, failedOn + `"r1"`},
		{these{`set: {time: 'x{{ app }}'}, stop: true`, `set: {index: a}`}, web, `index=a ` + failedOn + `"r1"`},
		{these{`fields: {remove: ['*'], rename: {heroku_app: app}, add: {a: '{{ [[1]] }}'}}`}, web, failedOn + `"r1"`},
		{these{`set: {time: 'x{{ app }}'}`, `set: {time: 'x{{ app }}'}`, `fields: {remove: ['*']}`}, web, failedOn + `["r1","r2"] -heroku_app -heroku_process -heroku_dyno -heroku_kind`},
		{these{`parse: json, set: {message: x, time: 'x{{ fields.ts }}'}`, `set: {source: 's{{ fields.ts }}'}`}, object, `source=s ` + failedOn + `"r1"`},
		{these{`parse: json`, `parse: none, set: {message: x, time: 'x{{ app }}'}`, `set: {source: 's{{ fields.ts }}'}`}, object, `source=s1714564801.5 ` + failedOn + `"r2"`},
		{these{`set: {time: 'x{{ app }}'}, on_error: dead`, `drop: true`}, web, `dead, rule_failed: rule "r1" failed: set.time: the text is no time since 1970, in RFC 3339 or as a number of seconds`},
		{these{`redact: [email], set: {time: 'x{{ app }}'}`}, web, `dead, rule_failed: rule "r1" failed: set.time: the text is no time since 1970, in RFC 3339 or as a number of seconds`},
		{these{`set: {token: '{{ dyno }}'}, on_error: dead`}, web, `dead, rule_failed: rule "r1" failed: set.token: the text is no name of a token: 1 to 32 lower case letters, digits and _`},
		{these{`redact: [email], set: {index: '{{ message }}'}, on_error: keep`}, web, `dead, rule_failed: rule "r1" failed: set.index: the text is no name of an index: 1 to 255 lower case letters, digits, _ and -, not beginning with -`},
	} {
		if got := newTrial(t, c.rules.yaml()).run(input(t, c.in)); got != c.want {
			t.Errorf("%q\n  on  %s\n  got  %s\n  want %s", c.rules, c.in, got, c.want)
		}
	}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	destination := func(name, when string) string {
		return name + `: {urls: ["https://s.example.com:8088"], token: t, when: '` + when + `'}, `
	}
	open := destination("a", "") + destination("b", `kind == "router"`) + destination("c", `index == "c"`)
	closed := destination("a", `kind == "router"`) + destination("b", `index == "b"`)
	for _, c := range []struct {
		destinations, unrouted string
		rules                  these
		in, want               string
	}{
		{open, "", these{`format: text`}, web, `format=text to=a`},
		{open, "", these{`format: text`}, router, `format=text to=a,b`},
		{open, "", these{`to: [c]`}, web, `to=c`},
		{open, "", these{`to: [c]`}, router, `to=b,c`},
		{open, "", these{`to: [c]`, `to: [a, c]`}, web, `to=a,c`},
		{open, "", these{`to: [a, b, c]`}, web, `as it was`},
		{open, "", these{`set: {index: c}`}, web, `index=c to=a,c`},
		{destination("a", "any(fields.list, # == 1)"), "drop", these{`format: text`}, endless, `dead, rule_failed: destinations.a.when failed: column 12: the expression cannot be evaluated for this event`},
		{closed, "drop", these{`format: text`}, router, `format=text to=a`},
		{closed, "drop", these{`format: text`}, web, `filtered`},
		{closed, "dead", these{`format: text`}, web, `dead, unrouted: no destination's when is true of the event, and no rule or drain names one`},
		{closed, "dead", these{`set: {index: b}`}, web, `index=b to=b`},
		{closed, "dead", these{`to: [b], stop: true`, `to: [a]`}, web, `to=b`},
	} {
		text := c.rules.yaml() + "destinations: {" + c.destinations + "}\n"
		if c.unrouted != "" {
			text += "unrouted: " + c.unrouted + "\n"
		}
		trial := newTrial(t, text)
		if got := trial.run(input(t, c.in)); got != c.want {
			t.Errorf("%q, unrouted: %s, on %s\n  got  %s\n  want %s", c.rules, c.unrouted, c.in, got, c.want)
		}
		unrouted := c.want == "filtered" || strings.HasPrefix(c.want, "dead, unrouted")
		if (trial.runner.Unrouted == 1) != unrouted {
			t.Errorf("%q: %d unrouted", c.rules, trial.runner.Unrouted)
		}
	}
}
