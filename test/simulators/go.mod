module github.com/drainline/drainline/test/simulators

go 1.26.0
