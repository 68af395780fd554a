# Everything a person does has one command: make demo, models, test, lint, bench,
# experiment, acknowledge, clean.
# `demo` and `test` set up .venv from nothing; what is installed is pinned in constraints.txt.

PYTHON ?= python3
BIN := .venv/bin
# sam2 comes as a source: its build takes the pinned torch, and compiles nothing for CUDA.
PIP := PIP_CONSTRAINT=$(CURDIR)/constraints.txt SAM2_BUILD_CUDA=0 $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check install

EXPERIMENT := tests/benchmarks/detection.py

.PHONY: demo models test lint bench experiment acknowledge clean

demo: .venv/.installed
	@$(BIN)/nodegraph run graphs/camera_motion.json
	@echo "Look at out/camera_motion/preview/index.html in a browser."

# What models need: torch and the libraries that load and train them, and tiny random checkpoints to try it.
models: .venv/.installed-train
	@$(BIN)/python -m nodes.tiny.checkpoints out/tiny_checkpoints

test: .venv/.installed-dev
	@$(BIN)/python -m pytest

lint: .venv/.installed-dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/pyright
	@$(BIN)/lint-imports --no-logo

bench: .venv/.installed-bench
	@set -e; for script in $(filter-out $(EXPERIMENT),$(wildcard tests/benchmarks/*.py)); do \
	    echo "== $$script"; $(BIN)/python "$$script"; done

# What docs/experiment.md tells: trains a small detector 36 times, in under an hour of two cores.
experiment: .venv/.installed-dev
	@OMP_NUM_THREADS=1 $(BIN)/python $(EXPERIMENT)

# Node types whose code changed and whose results did not, or whose version was raised: TYPES, or all of them.
acknowledge: .venv/.installed-dev
	@$(BIN)/python tests/nodes/acknowledge.py $(TYPES)

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find nodegraph nodes tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: pyproject.toml constraints.txt
	@echo "Installing into .venv (once, about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) --editable .
	@touch $@

.venv/.installed-bench: .venv/.installed-dev
	@echo "Installing what the memo is measured beside (once) ..."
	@$(PIP) --editable '.[bench]'
	@touch $@

.venv/.installed-train: .venv/.installed
	@echo "Installing torch and what loads and trains models (once, some minutes) ..."
	@$(PIP) --editable '.[train]'
	@touch $@

.venv/.installed-dev: .venv/.installed
	@echo "Installing the tools for testing (once) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@
