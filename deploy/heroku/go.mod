// Heroku's Go buildpack wants a go.mod in the top folder. This one says which program it is to
// build, which go.work finds: see README.md.
// +heroku goVersion go1.26
// +heroku install ./services/cmd/ingest
module github.com/drainline/drainline/deploy/heroku

go 1.26.0
