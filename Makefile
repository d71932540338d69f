# Two commands do everything: `make demo` and `make test`. `make help` lists the rest.
# Needed on the machine: Go, Node.js with npm, Python 3. The rest is installed from pins.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The processor of the functions: arm64 as deployed, the host's in the local run.
ARCH ?= arm64
HOST_ARCH := $(shell go env GOARCH)
FUNCTIONS := unpack load export discover drain snowflake
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.0
ACTIONLINT := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GOVULNCHECK := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0

export CDK_NO_PERF_BUILTINS := 1
export JSII_RUNTIME_PACKAGE_CACHE := enabled
export JSII_DEPRECATED := quiet
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

sources = go.mod go.sum $(shell find $(1) -name '*.go' -not -name '*_test.go' 2>/dev/null)
APP_SOURCES := $(wildcard *.go) $(call sources,constructs feed internal snowflake)
FUNCTION_SOURCES := $(call sources,lambdas feed internal snowflake)
INGEST_SOURCES := $(call sources,cmd feed records internal snowflake)
DEMO_SOURCES := $(call sources,local feed internal snowflake)

.PHONY: help
help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: deps host-build bin/demo ## run the feeds end to end on this machine, and check every count
	@bin/demo

.PHONY: local
local: deps host-build bin/demo ## the same, and stay up until ctrl-C
	@bin/demo -stay

.PHONY: test
test: deps lint host-build ## lint, unit tests, template snapshots, end-to-end test
	go test -count=1 -timeout 30m ./...
	GOEXPERIMENT=jsonv2 go test -count=1 -run JSONText ./internal/files/record

.PHONY: live
live: deps build ## the feeds in a real AWS and Snowflake account, see docs/snowflake.md
	INGESTION_LIVE=1 go test -count=1 -timeout 60m -v ./test/live

.PHONY: unit
unit: ## unit tests only: no local AWS, no CDK
	go test . ./feed/... ./internal/... ./lambdas/... ./records/... ./snowflake/... ./cmd/...

.PHONY: lint
lint: ## gofumpt, go vet, golangci-lint and the workflows
	go vet ./...
	$(GOLANGCI_LINT) run ./...
	$(ACTIONLINT)

.PHONY: vulnerabilities
vulnerabilities: ## known vulnerabilities that this code reaches (asks vuln.go.dev)
	$(GOVULNCHECK) ./...

.PHONY: cfn-lint
cfn-lint: ## cfn-lint over the snapshots of the templates, see .cfnlintrc
	@command -v cfn-lint >/dev/null || { echo 'cfn-lint is missing: pip install cfn-lint==1.51.0, in a virtual environment of your own' >&2; exit 1; }
	cfn-lint

.PHONY: format
format: ## rewrite the sources as lint wants them
	$(GOLANGCI_LINT) fmt ./...

.PHONY: newest-cdk
newest-cdk: ## compile the construct with the newest version of the CDK (asks the module proxy)
	@dir=$$(mktemp -d) && cp go.mod go.sum $$dir && \
	  go get -modfile=$$dir/go.mod github.com/aws/aws-cdk-go/awscdk/v2@latest && go vet -modfile=$$dir/go.mod ./constructs/...; \
	  status=$$?; rm -r $$dir; exit $$status

.PHONY: tidy
tidy: ## go mod tidy, here and in examples/library
	@for d in . examples/library; do echo "go mod tidy in $$d"; (cd $$d && go mod tidy) || exit 1; done

.PHONY: rename
rename: ## give the module another path: make rename MODULE=github.com/acme/ingestion
	go run ./scripts/rename $(MODULE)

.PHONY: snapshots
snapshots: ## refresh snapshots of templates, SQL and help; review the diff
	UPDATE_SNAPS=true go test -count=1 ./test ./snowflake ./cmd/... ./internal/operator/review

.PHONY: bench
bench: ## measure load and unpack against their peers, see docs/performance.md
	go run ./bench

.PHONY: bench-synth
bench-synth: deps host-build ## what an app of 1, 10 and 100 feeds costs to synthesize
	go run ./bench/synth

# Targets that need an experiment of Go's say so in their file's build line.
.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME each (60s)
	@for f in $$(grep -rl '^func Fuzz' --include='*_test.go' internal snowflake); do \
	  experiment=$$(sed -n 's/^\/\/go:build goexperiment\.//p' $$f); \
	  for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' $$f); do \
	    echo "== $$t in $$(dirname $$f)"; GOEXPERIMENT=$$experiment go test ./$$(dirname $$f) -run '^$$' -fuzz "^$$t$$" -fuzztime $(or $(FUZZTIME),60s) -fuzzminimizetime 5x || exit 1; \
	  done; done

# --- what `cdk` runs before the app (cdk.json) -------------------------------

# Binaries are written under a name of the run's own and moved in, so that a
# second run beside this one never sees half of one.
.PHONY: build
build: bin/app bin/ingest $(FUNCTIONS:%=dist/$(ARCH)/%/bootstrap) ## the app, the command, and the functions for ARCH (arm64)

.PHONY: host-build
host-build:
	@$(MAKE) --no-print-directory build ARCH=$(HOST_ARCH)

bin/app: $(APP_SOURCES)
	@mkdir -p bin
	go build -o $@.$$$$ . && mv $@.$$$$ $@

bin/ingest: $(INGEST_SOURCES)
	@mkdir -p bin
	go build -o $@.$$$$ ./cmd/ingest && mv $@.$$$$ $@

bin/demo: $(DEMO_SOURCES)
	@mkdir -p bin
	go build -o $@.$$$$ ./local/cmd/demo && mv $@.$$$$ $@

# Byte-identical wherever it is built: the hash of an asset is the hash of this file.
dist/$(ARCH)/%/bootstrap: $(FUNCTION_SOURCES)
	@mkdir -p $(@D) bin
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) go build -trimpath -buildvcs=false -tags lambda.norpc,minicore_disabled,nethttpomithttp2 \
	  -ldflags='-s -w -buildid=' -o bin/$*.$$$$ ./lambdas/$* && mv bin/$*.$$$$ $@

# --- what is installed from pins ---------------------------------------------

.PHONY: deps
deps: node_modules/.package-lock.json

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: clean
clean: ## remove what was built and what local runs left behind
	rm -rf bin dist cdk.out .local
