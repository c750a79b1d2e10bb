# `make run` and `make test` set up all they need in .venv; there is nothing to do before.

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.DEFAULT_GOAL := help
.PHONY: help run test check bench picture clean

help:
	@echo "make run      start the server on 127.0.0.1:8000, with multiarm.db"
	@echo "make test     check and test everything"
	@echo "make check    formatting, lint, types, architecture"
	@echo "make bench    measure against peers; prints a table and writes benchmarks/results.json"
	@echo "make picture  draw docs/weights.svg again"
	@echo "make clean    remove what these made"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "multiarm needs Python 3.11 or newer, and found none"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# An environment for an extra: `.venv/.ready-test` has what the tests need.
$(VENV)/.ready: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.ready-%: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@ $(VENV)/.ready

run: $(VENV)/.ready
	@exec $(BIN)/multiarm serve --db multiarm.db

check: $(VENV)/.ready-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/pytest --numprocesses auto

bench: $(VENV)/.ready-bench
	$(BIN)/python -m benchmarks

picture: $(VENV)/.ready
	$(BIN)/python -m benchmarks.picture

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
