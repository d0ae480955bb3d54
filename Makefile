# The front door. `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help run test bench fuzz format lint clean install-deps

JOBS := $(shell nproc)
LISTEN ?= 127.0.0.1:8080
FUZZ_SECONDS ?= 60

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: install-deps ## Build it and serve a demo directory (DIR=... and LISTEN=addr:port to choose)
	@cmake --preset release >build/release.log 2>&1 || { cat build/release.log; exit 1; }
	@cmake --build --preset release --target midstream_server --parallel $(JOBS)
	@scripts/run-demo build/release/midstream $(LISTEN) $(DIR)

test: install-deps ## Everything: style, GCC, Clang with sanitizers, end to end, the installed package
	@scripts/test

bench: install-deps ## Measure, beside other servers
	@scripts/install-deps.sh --bench-peers
	@cmake --preset release
	@cmake --build --preset release --target bench_programs --parallel $(JOBS)
	@/usr/bin/python3 bench/run.py

fuzz: install-deps ## Look for crashes with libFuzzer (FUZZ_SECONDS=60 for each target)
	@cmake --preset fuzz
	@cmake --build --preset fuzz --target fuzz_targets --parallel $(JOBS)
	@scripts/fuzz search build/fuzz $(FUZZ_SECONDS)

format: ## Lay out all C++ files
	@scripts/format

lint: install-deps ## Check the names and a few bug patterns with clang-tidy (slow)
	@cmake --preset clang -B build/lint -DMIDSTREAM_PCH=OFF >/dev/null
	@run-clang-tidy -quiet -p build/lint "$(CURDIR)/(src|tests|fuzz)/.*"

clean: ## Remove everything that was built
	rm -rf build

install-deps:
	@scripts/install-deps.sh
	@mkdir -p build
