# One-word targets; `make help` lists them. The second call of each works without a network, but `requirements`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
hash = $(shell cat $(1) | sha256sum | cut -c1-16)
RUNTIME := .venv/runtime-$(call hash,requirements.txt)
TOOLS := .venv/tools-$(call hash,tests/requirements.txt)
WORKERS ?= 2
ROWS ?= 10000
INPUTS ?= 1000000
TESTS ?= tests/architecture tests/unit scanners tracker config

.PHONY: help run test check bench endurance requirements translations browser clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

run: $(RUNTIME)  ## start the demonstration hospital and print its address
	@exec $(BIN)/python -m tracker run

test: $(TOOLS) translations browser  ## run every test and report what they cover
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --cov --cov-report=term:skip-covered || $(AGAIN)

# A test that failed while both cores were busy is asked once more, alone; one that fails twice is red.
AGAIN := { test $$? -eq 1 && $(BIN)/pytest -p no:randomly --last-failed --last-failed-no-failures none; }

check: $(TOOLS) translations  ## run what needs no browser and little time: style, types, architecture, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(TESTS)

bench: $(TOOLS) translations  ## measure over HTTP against the floor of this machine: make bench ROWS=100000
	$(BIN)/python -m benchmarks --rows $(ROWS)

endurance: $(TOOLS)  ## push a million generated inputs through each parser, at low priority: make endurance INPUTS=20000
	nice -n 19 $(BIN)/python -m benchmarks.endurance --inputs $(INPUTS)

translations: $(RUNTIME)  ## compile the interface texts
	@$(BIN)/python -m tracker.catalogues

requirements: $(TOOLS)  ## pin the dependencies of pyproject.toml again, with hashes (about five minutes)
	$(PIN) --output-file=requirements.txt pyproject.toml
	$(PIN) --extra=dev --constraint=requirements.txt --output-file=tests/requirements.txt pyproject.toml

PIN = CUSTOM_COMPILE_COMMAND='make requirements' $(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
	--allow-unsafe --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

clean:  ## remove what the tools left, but never var/ (data and keys)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find tracker -name '*.mo' -delete

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

# What is installed carries the hash of the files it came from: nothing changed, nothing to fetch.

.venv/bin/python:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "Python 3.11 is needed: apt-get install python3.11 python3.11-venv, or make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Type: apt-get install python3.11-venv"; exit 1; }
	@sed -n '/^pip==/,/^    #/p' requirements.txt | $(PIP) -r /dev/stdin  # why pip itself is pinned: pyproject.toml

$(RUNTIME): | .venv/bin/python
	$(PIP) -r requirements.txt
	@rm -f .venv/runtime-*; touch $@

$(TOOLS): | .venv/bin/python
	$(PIP) -r tests/requirements.txt
	@rm -f .venv/runtime-* .venv/tools-*; touch $@ $(RUNTIME)

# Chromium for the browser tests: the system's, else installed by apt where we may, else Playwright's own.

browser: $(TOOLS)  ## install Chromium for the browser tests where it is missing
	@$(BIN)/python -m tests.browser.chromium
