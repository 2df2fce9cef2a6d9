# The front door. Everything behind it is scripts/setup, CMake presets and ctest.
SHELL := /bin/sh
.DEFAULT_GOAL := build
.PHONY: help api setup build tests engines engines-all wasmedge guests run test conformance bench lint asan tsan fuzz single install clean
# The tools that this starts use all cores themselves.
.NOTPARALLEL:

JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
EXAMPLE ?= examples/hello
ARGS ?=
PARTS ?= ubiq_program
FUZZ_SECONDS ?= 20
TESTS ?=
# The sanitizers' shadow memory does not get along with every randomised address space.
FIXED_ADDRESSES = $(shell setarch -R true 2>/dev/null && echo setarch -R)
# Tests that start programs wait for half of their time: three at once keep two cores busy.
CTEST = ctest --output-on-failure --no-tests=error -j3 $(if $(TESTS),-R '$(TESTS)')

# The set stays chosen for later builds. What is left out is said last.
define with_engines
@cmake --preset dev -DUBIQ_ENGINE_SET=$(1) > build/configure-dev.log 2>&1 || { cat build/configure-dev.log; exit 1; }
@cmake --build --preset dev -j $(JOBS) --target $(PARTS)
@sed -n 's/^-- \(engine .* is left out\)/\1/p' build/configure-dev.log
endef

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'

setup: ## bring all that tests and tools need (scripts/setup); ARGS=--sdks for the tests of SDKs too
	@scripts/setup $(ARGS)

.deps/stamp: scripts/setup scripts/deps/crates/Cargo.lock
	@scripts/setup --build

# Newer than what was configured without cmocka, for this makes .deps/stamp as well.
.deps/stamp-tests: scripts/setup scripts/deps/crates/Cargo.lock
	@scripts/setup --tests

build/%/build.ninja: .deps/stamp CMakePresets.json
	@mkdir -p build
	@echo "configuring $*"
	@cmake --preset $* > build/configure-$*.log 2>&1 || { cat build/configure-$*.log; exit 1; }
	@touch $@

build: build/dev/build.ninja ## build the program and the libraries into out/ (the default)
	@cmake --build --preset dev -j $(JOBS) --target ubiq_program

tests: .deps/stamp-tests build/dev/build.ninja ## build, with tests, their guests and benchmarks
	@cmake --build --preset dev -j $(JOBS)

engines: build/dev/build.ninja ## build, with the engines that other languages' tools build in about a minute each; PARTS=all: tests, too
	$(call with_engines,quick)

engines-all: build/dev/build.ninja ## build, with all engines: many minutes, once; what cannot be built here is named
	$(call with_engines,all)

wasmedge: tests ## build the engine wasmedge where its package cannot be installed, and test on it (scripts/wasmedge)
	@scripts/wasmedge

guests: .deps/stamp-tests build/dev/build.ninja
	@cmake --build --preset dev -j $(JOBS) --target ubiq_guests

run: build ## build, then serve EXAMPLE (examples/hello) with `ubiq dev`; more arguments in ARGS
	@exec out/bin/ubiq dev $(EXAMPLE) $(ARGS)

test: tests ## build and run all tests; TESTS=regex picks some
	@$(CTEST) --test-dir build/dev

conformance: tests ## build, run on every engine what must hold for every engine, and print a matrix
	@scripts/conformance $(ARGS)

api: ## make api/*.yaml and docs/api.md of api/*.tsp anew
	@scripts/api $(ARGS)

bench: tests ## build and measure against peers: prints a table, writes out/bench.json
	@bench/run $(ARGS)

lint: .deps/stamp-tests build ## formatting, clang-tidy, layers, headers, names of engines, spelling of paths
	@scripts/lint $(ARGS)

asan: guests build/asan/build.ninja ## build and test with ASan, LeakSanitizer and UBSan
	@cmake --build --preset asan -j $(JOBS)
	@$(FIXED_ADDRESSES) $(CTEST) --test-dir build/asan $(ARGS)

tsan: guests build/tsan/build.ninja ## build and test with ThreadSanitizer
	@cmake --build --preset tsan -j $(JOBS)
	@$(FIXED_ADDRESSES) $(CTEST) --test-dir build/tsan $(ARGS)

fuzz: guests build/fuzz/build.ninja ## run every fuzz target for FUZZ_SECONDS (20)
	@cmake --build --preset fuzz -j $(JOBS)
	@scripts/fuzz $(FUZZ_SECONDS) $(ARGS)

single: tests build/single/build.ninja ## build and test out/single/lib/libextism.so, which needs no other file (minutes, once)
	@cmake --build --preset single -j $(JOBS)
	@python3 -B test/single/single_test.py

install: build ## copy the result to PREFIX (/usr/local)
	@cmake --install build/dev --prefix $(abspath $(PREFIX))

clean: ## remove what was built; .deps/ stays
	rm -rf build out
