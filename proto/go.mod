module github.com/drainline/drainline/proto

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/klauspost/compress v1.20.3
	google.golang.org/protobuf v1.36.12
	pgregory.net/rapid v1.3.0
)
