package ingest

import "testing"

func TestHerokuCommand(t *testing.T) {
	t.Parallel()
	const (
		guessable = "https://drain:***@my-logs.herokuapp.com/logs"
		usual     = "https://drain:***@my-logs-0123456789ab.herokuapp.com/logs"
		own       = "https://drain:***@logs.example.com/logs"
		command   = `heroku drains:add "https://drain:$(heroku config:get DRAINLINE_DRAIN_SECRET --app my-logs)@`
	)
	for _, c := range []struct {
		name, url         string
		dyno, secret, app string
		want              string
	}{
		{"by the host", usual, "web.1", "s", "", command + `my-logs-0123456789ab.herokuapp.com/logs/APP" --app APP`},
		{"by a host without more", guessable, "web.1", "s", "", command + `my-logs.herokuapp.com/logs/APP" --app APP`},
		{"by dyno metadata", own, "web.1", "s", "my-logs", command + `logs.example.com/logs/APP" --app APP`},
		{"metadata wins", usual, "web.1", "s", "renamed", `heroku drains:add "https://drain:$(heroku config:get DRAINLINE_DRAIN_SECRET --app renamed)@my-logs-0123456789ab.herokuapp.com/logs/APP" --app APP`},
		{"a host of one's own", own, "web.1", "s", "", ""},
		{"a host that only looks so", "https://drain:***@evil.example/x.herokuapp.com/logs", "web.1", "s", "", ""},
		{"elsewhere", usual, "", "s", "my-logs", ""},
		{"with other credentials", usual, "web.1", "", "my-logs", ""},
		{"for HEC only", "", "web.1", "s", "my-logs", ""},
	} {
		env := map[string]string{"DYNO": c.dyno, "DRAINLINE_DRAIN_SECRET": c.secret, "HEROKU_APP_NAME": c.app}
		if got := herokuCommand(c.url, func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}
