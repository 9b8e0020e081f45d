# The house's doors. `make help` lists them; every recipe is one or two scripts that also work by themselves.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check run docs bench world chaos cluster fuzz sbom image restore setup setup-demo lock clean

# What is passed on to the demo, e.g. make demo DEMO_ARGS=--json
DEMO_ARGS ?=
BENCH_ARGS ?=
SEEDS ?= 0:10000
# How many processes `make chaos` kills, and anything else for it, e.g. CHAOS_ARGS="--seed 7 --json"
ROUNDS ?= 20
CHAOS_ARGS ?=
# Anything for `make cluster`, e.g. CLUSTER_ARGS="--events kill-primary,cut-primary --seed 7 --json"
CLUSTER_ARGS ?=
# How long `make fuzz` searches, and which targets if not all, e.g. FUZZ_ARGS="smpp_pdu api"
MINUTES ?= 10
FUZZ_ARGS ?=
IMAGE_ARGS ?=

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

demo: setup-demo ## the whole service against a played world of phones and providers, in front of your eyes
	@.venv/bin/esoz-notify demo $(DEMO_ARGS)

test: setup ## everything that must hold: static checks, coverage, docs, all tests
	@sh scripts/browser.sh
	@sh scripts/pgbouncer.sh
	@sh scripts/prometheus.sh
	@sh scripts/test.sh

check: setup ## the static part of `make test` only: style, types, imports
	@sh scripts/test.sh static

run: setup-demo ## the service and the played world on this machine, until Ctrl-C; data stay in demo-data
	@.venv/bin/esoz-notify up --lab --data ./demo-data

docs: setup ## build the site of the docs into build/site; a dead link, a lost page or any other warning is an error
	@.venv/bin/sphinx-build -q -b html -c docs -d build/site-pages -E -n -W --keep-going . build/site
	@echo "docs: build/site/index.html"

bench: setup-demo ## a short measurement on this machine: throughput, latencies, CPU
	@.venv/bin/esoz-notify bench lifecycle steady codes-under-bulk fallback --seconds 3 $(BENCH_ARGS)

world: setup ## play worlds in which everything goes wrong: SEEDS=7 one with its diary, SEEDS=0:100000 many
	@.venv/bin/python -m tests.world $(SEEDS)

chaos: setup ## kill processes of a running service ROUNDS times; proves nothing is lost or doubled
	@.venv/bin/python -m tests.chaos --rounds $(ROUNDS) $(CHAOS_ARGS)

cluster: setup ## hosts as network namespaces: kill the primary, cut, restart, fill a disk; needs root on Linux
	@sh scripts/cluster.sh $(CLUSTER_ARGS)

fuzz: setup ## try for MINUTES to break every reader and the API; what is new goes to tests/fuzz/corpus
	@sh scripts/fuzz.sh $(MINUTES) $(FUZZ_ARGS)

sbom: setup ## write the bill of materials of what is served, from the lock, to dist
	@sh scripts/sbom.sh

image: setup ## build the OCI image of deploy/Containerfile (as root; IMAGE_ARGS="--base IMAGE --check DSN")
	@sh scripts/image.sh $(IMAGE_ARGS)

restore: setup ## prove a backup: load, an accident, a restore to just before it, nobody told twice
	@.venv/bin/python -m pytest -q -n0 tests/restore

setup: ## make .venv with everything a developer needs; quick when nothing changed
	@sh scripts/setup.sh dev

setup-demo: ## make .venv with only what the service itself needs
	@sh scripts/setup.sh runtime

lock: setup ## recompute requirements/*.txt from pyproject.toml (LOCK_ARGS=--upgrade for newer versions)
	@sh scripts/lock.sh $(LOCK_ARGS)

clean: ## remove .venv, caches and build leftovers; demo-data stays
	@rm -rf clients/typescript/node_modules clients/typescript/dist
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
