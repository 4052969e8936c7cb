// Package heroku says what Heroku's log lines mean: where a line comes from, which
// dyno and process type it is about, and which of Heroku's error codes it reports.
//
// APPNAME and PROCID of the frame decide where a line comes from. The text never
// does, with one exception: log-shuttle's own loss reports. So nothing an app prints
// can pass for the platform.
//
//	kind    APPNAME      PROCID                           process       dyno    code
//	router  heroku       router                           PROCID        dyno=…  code=H12
//	api     app, heroku  api                              PROCID
//	system  heroku       web.1, run.4321, scheduler.7, …  web, run, …   PROCID  Error R14 (…
//	system  heroku       logplex                          PROCID                Error L10 (…
//	system  any          log-shuttle, text Error L12/L13  PROCID                Error L12: …
//	addon   app, heroku  heroku-postgres, heroku-redis…   PROCID
//	addon   app          postgres.123, redis.1, kafka.0   postgres, …
//	app     "app"        web.1, release.9, …              web, release  PROCID
//	app     "token"      shuttle, HOSTNAME shuttle too    PROCID
//	app     "-", empty   web.1, …                         web, …        PROCID
//	addon   any other (an add-on's token name)            as above
//
// Kind is where a line comes from, always: a router line that reports H12 is a router
// line with a code. A line of the labs era, "heroku web.3 d.<token>", is read as
// "heroku" and "web.3"; one of a syslog drain has the drain token for a hostname and
// is otherwise the same.
//
// A Procfile can name a process postgres, redis or kafka as well. What a dyno prints
// comes with facility local7, what an add-on reports does not.
//
// Codes are H with two digits in router lines, R and L in system lines; lines of apps,
// add-ons and the API have none. Platform codes stand in Heroku's error code list.
//
// What stands in the text of a line of the platform is in README.md, which has the
// vocabulary that Parse keeps to.
package heroku
