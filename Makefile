# Every target can be repeated at will; with nothing to do, set-up takes a fraction of a second.
# PYTHON names the interpreter to build .venv with, ARGS adds arguments to what a target runs:
#     make test ARGS="tests/cache -k purge"

PYTHON ?= python3
ARGS ?=
# How calotype itself gets into .venv: editable, or wheel to test what users will install.
INSTALL ?= editable
NIGHTLY_MINUTES ?= 60
# Test processes side by side. A file's tests stay together, so what it opens once is opened once.
PARALLEL ?= 2

BIN := .venv/bin
SETUP := $(PYTHON) scripts/setup.py $(if $(filter wheel,$(INSTALL)),--wheel)
# Folders of typed Python, as far as they exist.
TYPED := $(wildcard src tests scripts benchmarks)
COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev serve test lint format bench bench-cache bench-capture docs nightly coverage lock python

help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: python ## .venv, locked packages, browser and fonts: all that running needs
	@$(SETUP)

setup-dev: python ## setup, and what tests, checks and benchmarks need
	@$(SETUP) --dev

serve: setup ## run the server on http://127.0.0.1:8787; the first time it prints a key
	@$(BIN)/calotype serve --first-key $(ARGS)

test: setup-dev ## the whole test suite, against a real browser
	@$(BIN)/python -m pytest --numprocesses $(PARALLEL) --dist loadfile $(ARGS)

lint: setup-dev ## style, types, import arrows, and what no file may contain
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy $(TYPED)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python scripts/check_tree.py

format: setup-dev ## put the code into its usual shape
	@$(BIN)/ruff check --fix --quiet --exit-zero
	@$(BIN)/ruff format

bench: setup-dev ## measure, and compare with the targets
	@$(BIN)/python -m benchmarks $(ARGS)

bench-cache: setup-dev ## an index of ENTRIES (1000000), kept in BENCH_FOLDER if that is set; then hits
	@$(BIN)/python -m benchmarks cache $(ARGS)

bench-capture: setup-dev ## captures beside other tools, which are installed into a throw-away folder
	@$(BIN)/python -m benchmarks peers $(ARGS)

docs: setup-dev ## the pictures of the guide, taken anew where they no longer show what they did
	@$(BIN)/python scripts/docs_pictures.py

nightly: setup-dev ## seeded slices of the long proofs, for NIGHTLY_MINUTES (60)
	@NIGHTLY_MINUTES=$(NIGHTLY_MINUTES) $(BIN)/python -m pytest -m nightly --timeout 0 $(ARGS)

coverage: setup-dev ## the test suite again, and which branches it never takes
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lock: setup-dev ## write both lock files anew; ARGS=--upgrade takes newer versions
	@$(COMPILE) $(ARGS) --group build -o requirements.lock
	@$(COMPILE) $(ARGS) --group build --group dev -o requirements-dev.lock

python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "make: $(PYTHON) is missing. Debian and Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; }
