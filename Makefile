# SPDX-License-Identifier: MIT
# The front: one word for each thing a person does here. Meson does the building, tools/ the rest.
BUILD ?= build
PREFIX ?= /usr/local
MINUTES ?= 5
export BUILD PREFIX MINUTES

.PHONY: all demo test soak prove bench san fuzz tidy format install clean help

all: ## build the libraries and plim into build/ (installs what the build lacks)
	@tools/setup build
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	@ninja -C $(BUILD)

demo: ## find the leak in a real Node program
	@tools/setup demo
	@$(MAKE) --no-print-directory all
	@tools/demo

test: ## run every test; the last line counts them
	@tools/setup test
	@tools/run-tests

prove: ## the proofs of the memory half: Frama-C, Spin, enumeration, interleavings; N/N per tool
	@tools/setup prove
	@tools/run-prove

soak: ## minutes and hours of what tests do in seconds; the results stay in docs/soak.md
	@tools/setup test
	@tools/run-soak

bench: ## measure, beside the peers
	@tools/setup bench
	@tools/run-bench

san: ## the tests under AddressSanitizer, UBSan, ThreadSanitizer and MemorySanitizer
	@tools/setup test
	@tools/run-sanitizers

fuzz: ## run each fuzz target for its part of MINUTES=5
	@tools/setup test
	@tools/run-fuzzers

tidy: ## format, rules of the house, clang-tidy
	@tools/setup test
	@tools/run-tidy

format: ## rewrite the tree as clang-format has it
	@tools/setup test
	@tools/format

install: ## install under PREFIX=/usr/local (DESTDIR is honoured)
	@tools/setup build
	@tools/run-install

clean: ## remove what was built (not the runtimes)
	@rm -rf build build-*

help: ## this list
	@sed -n 's/^\([a-z]*\): ## /\1|/p' Makefile | awk -F'|' '{printf "  make %-8s %s\n", $$1, $$2}'
