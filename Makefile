# Drainline's tasks. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

MODULES := $(shell go list -m -f '{{.Dir}}')
BIN     := $(CURDIR)/.bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X github.com/drainline/drainline/services/internal/app.Version=$(VERSION)
# Go's cache of test results does not know that end-to-end tests run binaries built from other modules. Their packages
# run one after the other: each starts whole installations, which would take the disk from one another.
FRESH    = $$([ "$$(basename $$m)" = test ] && echo -count=1 -p=1)
# Ten minutes, as Go has it, are too few for a package of end-to-end tests on a small machine that is busy.
TIMEOUT := -timeout 30m
TOOLS   := $(addprefix $(BIN)/,buf cyclonedx-gomod gofumpt golangci-lint govulncheck licenses nfpm protoc-gen-go)
RELEASE := $(addprefix $(BIN)/,cyclonedx-gomod licenses nfpm)

.PHONY: help
help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build, then see it at work: simulated Heroku logs arrive in the inspector's page
	@exec $(BIN)/drainline demo

.PHONY: build
build: ## build drainline and the three services into .bin/
	@mkdir -p $(BIN)
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/ ./services/cmd/...

.PHONY: images
images: ## build the container images drainline, drainline-ingest, drainline-transform and drainline-shipper with Docker
	@for target in drainline ingest transform shipper; do \
		docker build --target $$target --build-arg VERSION=$(VERSION) --tag drainline$$([ $$target = drainline ] || echo -$$target) .; done

.PHONY: test
test: ## run every test once
	@for m in $(MODULES); do (cd $$m && go test $(TIMEOUT) $(FRESH) ./...); done

# What CI runs. The order puts the quick refusals first.
.PHONY: check
check: format-check lint build-alone generate-check licenses test-examples test-race fuzz-check ## everything that has to be green before a commit
	@echo "make check: all green"

# The configurations that people start from do what is said of them.
.PHONY: test-examples
test-examples: build
	@$(BIN)/drainline test config/examples/*_test.yaml config/examples/*/*_test.yaml

# How much memory programs take is told only without the race detector.
.PHONY: test-race
test-race:
	@for m in $(MODULES); do (cd $$m && go test -race $(TIMEOUT) $(FRESH) ./...); done
	@cd test && go test -count=1 -run TestGzipBombs ./e2e

.PHONY: bench
bench: ## measure the whole pipeline: player -> drainline run -> Splunk simulator
	@cd test && go run ./bench

.PHONY: scale-out
scale-out: ## load services on a NATS cluster while instances come and go; prints that nothing is lost
	@cd test && go run ./bench -measure scaleout

.PHONY: bench-go
bench-go: ## run the packages' own benchmarks
	@for m in $(MODULES); do (cd $$m && go test -run '^$$' -bench . -benchmem ./...); done

.PHONY: fuzz
fuzz: ## fuzz every target for 20 s
	@for m in $(MODULES); do (cd $$m && for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do go test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s $$p; done; done); done

# What strangers' bytes meet first, for a moment each beyond the seeds that `go test` runs.
FUZZED = ./internal/logplex:FuzzScan ./internal/logplex:FuzzAgainstHeroku ./internal/logplex:FuzzTimestamp \
	./internal/hec:FuzzScan ./internal/hec:FuzzTime ./internal/hec:FuzzParseAcks ./internal/hec:FuzzLarge ./ingest/internal/collector:FuzzRequest \
	./transform/internal/parse:FuzzLogfmt ./transform/internal/parse:FuzzJSON ./transform/internal/heroku:FuzzParse \
	./transform/internal/condition:FuzzCompile ./transform/internal/redact:FuzzAgainstPlain ./transform/internal/redact:FuzzJSON \
	./transform/internal/join:FuzzJoin ./transform/internal/format:FuzzAppend
.PHONY: fuzz-check
fuzz-check:
	@cd services && for f in $(FUZZED); do go test -run '^$$' -fuzz "^$${f#*:}$$" -fuzztime 3s "$${f%:*}"; done

.PHONY: format
format: $(BIN)/gofumpt ## format the code
	@$(BIN)/gofumpt -l -w $(MODULES)

.PHONY: format-check
format-check: $(BIN)/gofumpt
	@loose=$$($(BIN)/gofumpt -l $(MODULES)); [ -z "$$loose" ] || { echo "not formatted, run make format:"; echo "$$loose"; exit 1; }

.PHONY: lint
lint: $(BIN)/golangci-lint $(BIN)/buf
	@for m in $(MODULES); do (cd $$m && go vet ./... && $(BIN)/golangci-lint run --config $(CURDIR)/.golangci.yaml ./...); done
	@cd proto && $(BIN)/buf lint

# Each module has to build by its own go.mod, without the workspace.
.PHONY: build-alone
build-alone:
	@for m in $(MODULES); do (cd $$m && GOWORK=off go build ./...); done

.PHONY: generate
generate: $(BIN)/buf $(BIN)/gofumpt $(BIN)/protoc-gen-go ## write the generated files again
	@cd proto && $(BIN)/buf generate
	@cd config && go generate ./...
	@cd services && go generate ./internal/telemetry
	@cp deploy/grafana/{alerts.yaml,dashboard.json} deploy/helm/drainline/grafana/

# Generated files are what `make generate` writes, and the bus contract breaks nothing that was released (or,
# before the first release, that stood in the commit before).
BREAKING = $(shell git describe --tags --abbrev=0 2>/dev/null || git rev-parse -q --verify HEAD~1 || git rev-parse HEAD)
.PHONY: generate-check
generate-check: $(BIN)/buf
	@before=$$(git diff | sha256sum); $(MAKE) generate; after=$$(git diff | sha256sum); \
		[ "$$before" = "$$after" ] || { echo "generated files are stale, commit what make generate wrote:"; git diff --stat; exit 1; }
	@cd proto && $(BIN)/buf breaking --against '../.git#subdir=proto,ref=$(BREAKING)'

.PHONY: release
release: $(RELEASE) ## build archives, packages, checksums and bills of material into .bin/release/
	@PATH=$(BIN):$$PATH VERSION=$(VERSION) deploy/release/build.sh $(BIN)/release

# The test of a release wants them.
.PHONY: release-tools
release-tools: $(RELEASE)

.PHONY: licenses
licenses: $(BIN)/cyclonedx-gomod $(BIN)/licenses ## check that the licences of all that the programs are built of are allowed
	@cd services && log=$$(GOOS=linux GOWORK=off $(BIN)/cyclonedx-gomod app -json -licenses -output $(BIN)/licenses.cdx.json -main cmd/drainline . 2>&1) || \
		{ echo "$$log"; exit 1; }
	@$(BIN)/licenses $(BIN)/licenses.cdx.json

# It asks vuln.go.dev, so it is no part of `make check`.
.PHONY: vulnerabilities
vulnerabilities: $(BIN)/govulncheck ## look for known vulnerabilities in what the programs call (asks vuln.go.dev)
	@cd services && GOWORK=off $(BIN)/govulncheck ./...

$(BIN)/licenses: tools/licenses/main.go
$(TOOLS): tools/go.mod tools/go.sum
	@mkdir -p $(BIN)
	@echo "building $(@F)"
	@cd tools && GOWORK=off go build -o $(BIN)/ $$(GOWORK=off go list -f '{{if eq .Name "main"}}{{.ImportPath}}{{end}}' tool | grep '/$(@F)$$')
	@touch $@

# The same files make the same archive, whoever packs it and when.
.PHONY: splunk
splunk: ## pack the add-on for Splunk as .bin/TA-drainline.tgz
	@mkdir -p $(BIN)
	@tar -C deploy/splunk --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@0 -cf - TA-drainline | gzip -9n > $(BIN)/TA-drainline.tgz
	@echo $(BIN)/TA-drainline.tgz

.PHONY: clean
clean: ## remove what was built
	@rm -rf $(BIN)
