# Two commands do everything: `make demo` and `make test`. `make help` lists the rest.
# Needed on the machine: Go, Node.js with npm, Python 3. The rest is installed from pins.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# A cache per checkout: golangci-lint finds cached results by content alone, and
# results of another checkout name files of that checkout, where no nolint
# comment and no exclusion is found once it is gone.
export GOLANGCI_LINT_CACHE ?= $(CURDIR)/.cache/golangci-lint
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.0
ACTIONLINT := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GOVULNCHECK := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0

export CDK_NO_PERF_BUILTINS := 1
export JSII_RUNTIME_PACKAGE_CACHE := enabled
export JSII_DEPRECATED := quiet
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

# The app that `make local` deploys; empty for app.go. The demo's: make local APP='go run ./examples/demo'
APP ?=
app = $(if $(APP),--app '$(APP)')

sources = go.mod go.sum $(shell find $(1) -name '*.go' -not -name '*_test.go' 2>/dev/null)
INGEST_SOURCES := $(call sources,cmd feed records internal snowflake)
LOCAL_SOURCES := $(call sources,local app constructs feed internal snowflake)

.PHONY: help
help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: deps bin/local ## run the demo's feeds end to end on this machine, and compare every count
	@bin/local demo

.PHONY: local
local: deps build bin/local ## start a local cloud with the feeds of app.go, until ctrl-C
	@bin/local up $(app)

.PHONY: local-deploy
local-deploy: deps build bin/local ## deploy app.go to the running local cloud again
	@bin/local deploy $(app)

.PHONY: test
test: deps c-compiler lint build ## lint, unit tests, template snapshots, end-to-end test
	go test -count=1 -timeout 30m ./...
	GOEXPERIMENT=jsonv2 go test -count=1 -run JSONText ./internal/files/record

.PHONY: iam-report
iam-report: deps c-compiler build ## per role, which permissions the end-to-end tests used and which never, with reasons
	@mkdir -p .local
	IAM_REPORT=$(CURDIR)/.local/iam-report.txt go test -count=1 -timeout 30m ./test/e2e; status=$$?; cat .local/iam-report.txt; exit $$status

.PHONY: live
live: deps ## the demo's feeds in a real AWS and Snowflake account, see docs/snowflake.md
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

# Not a pinned npm package because sqlfluff is Python. Where PyPI cannot be reached one
# line says so, and the statements of views, tables and stages are still checked by `make
# test` (test/sqlgrammar).
SQLFLUFF := .cache/sqlfluff/bin/sqlfluff

.PHONY: sql-lint
sql-lint: ## check the generated SQL with sqlfluff's grammar of Snowflake (asks PyPI once)
	@test -x $(SQLFLUFF) || { python3 -m venv .cache/sqlfluff && .cache/sqlfluff/bin/pip install --quiet --disable-pip-version-check sqlfluff==4.5.0; } >/dev/null 2>&1 || rm -rf .cache/sqlfluff
	@if test -x $(SQLFLUFF); then SQLFLUFF=$(CURDIR)/$(SQLFLUFF) go test -count=1 -run SQLFluff ./test/sqlgrammar; \
	else echo 'sql-lint: nothing was checked, because sqlfluff==4.5.0 cannot be installed from PyPI'; fi

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
snapshots: deps ## refresh snapshots of templates, SQL and help; review the diff
	UPDATE_SNAPS=true go test -count=1 . ./test ./snowflake ./cmd/... ./internal/operator/review

.PHONY: screenshots
screenshots: deps ## refresh the pictures of the page and of the terminal in docs/images
	go run ./scripts/terminal docs/operations.md 'A feed has stopped' docs/images/terminal.svg
	@mkdir -p .local/screenshots
	SCREENSHOTS=$(CURDIR)/.local/screenshots go test -count=1 -run 'TestScreens/failing|TestUploadPage' ./internal/operator/ui
	cp .local/screenshots/failing-1280.png .local/screenshots/failing-390.png .local/screenshots/upload-1280.png docs/images/

.PHONY: bench
bench: ## measure load and unpack against their peers, see docs/performance.md
	go run ./bench

.PHONY: simulate
simulate: ## simulate 1 GB to 10 TB from the code's constants: the table of docs/performance.md
	@go run ./scripts/simulate

.PHONY: bench-synth
bench-synth: deps ## what an app of 1, 10 and 100 feeds costs to synthesize
	go run ./bench/synth

# Targets that need an experiment of Go's say so in their file's build line.
.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME each (60s)
	@for f in $$(grep -rl '^func Fuzz' --include='*_test.go' internal snowflake); do \
	  experiment=$$(sed -n 's/^\/\/go:build goexperiment\.//p' $$f); \
	  for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' $$f); do \
	    echo "== $$t in $$(dirname $$f)"; GOEXPERIMENT=$$experiment go test ./$$(dirname $$f) -run '^$$' -fuzz "^$$t$$" -fuzztime $(or $(FUZZTIME),60s) -fuzzminimizetime 5x || exit 1; \
	  done; done

# Binaries are written under a name of their run and moved into place, so that a
# second run never sees half of one.
.PHONY: build
build: bin/ingest ## the operator's command, bin/ingest

bin/ingest: $(INGEST_SOURCES)
	@mkdir -p bin
	go build -o $@.$$$$ ./cmd/ingest && mv $@.$$$$ $@

bin/local: $(LOCAL_SOURCES) | c-compiler
	@mkdir -p bin
	go build -o $@.$$$$ ./local/cmd/local && mv $@.$$$$ $@

# --- what is installed from pins ---------------------------------------------

.PHONY: deps
deps: node_modules/.package-lock.json

.PHONY: c-compiler
c-compiler:
	@command -v $(firstword $(shell go env CC)) >/dev/null || { echo 'a C compiler is missing, which DuckDB, the engine of the local Snowflake, needs: install gcc or clang' >&2; exit 1; }

.PHONY: npm
npm:
	@command -v npm >/dev/null || { echo 'npm is missing: install Node.js 22 or later, with npm' >&2; exit 1; }

node_modules/.package-lock.json: package.json package-lock.json | npm
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: clean
clean: ## remove what was built and what local runs left behind
	rm -rf bin cdk.out .local
