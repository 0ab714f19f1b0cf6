# SPDX-License-Identifier: MIT
#
# The human door. Meson and Ninja build (tools/build.sh names the flavours); each target here
# installs the Debian packages it misses and does one thing. All that is made goes into build/,
# but for the sample store of `make run`, which is ./symbols.

# How long `make fuzz` gives each target.
SECONDS = 60
# What `make bench` does (all when empty; `bench/bench.py --help` names them), and how often.
WORKS =
ROUNDS = 3

.DEFAULT_GOAL := build
.NOTPARALLEL:
.PHONY: build run test bench lint fuzz clean help

build: ## the release binary at build/pepto-symbol
	@tools/install-deps.sh build
	@tools/build.sh release
	@install build/release/pepto-symbol build/pepto-symbol

run: ## build, then serve ./symbols (or what .env names) on port 5000 (PORT=...)
	@tools/install-deps.sh run
	@$(MAKE) --no-print-directory build
	@exec tools/run.sh

test: ## everything under sanitizers; ends with the line "N passed, N failed"
	@tools/install-deps.sh test || { echo "0 passed, 1 failed"; exit 1; }
	@exec /usr/bin/python3 tools/test.py

bench: ## side by side with nginx and Varnish here: ratios (ROUNDS=3 WORKS="hot4k herd64")
	@tools/install-deps.sh bench
	@$(MAKE) --no-print-directory build
	@exec /usr/bin/python3 bench/bench.py --rounds $(ROUNDS) $(WORKS)

lint: ## format, -Werror with gcc and clang, clang-tidy, headers, layers, spelling
	@tools/install-deps.sh lint
	@exec tools/lint.sh

fuzz: ## each fuzz target for a minute (SECONDS=300)
	@tools/install-deps.sh test
	@tools/build.sh fuzz
	@exec tools/fuzz.sh $(SECONDS)

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 14
