# Everything a newcomer types. `make` alone lists it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# A second OpenMP thread spins while it waits, and slows small models down.
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-full serve test check lint bench bench-zoo bench-doctor bench-autolabel bench-tracking bench-create-info bench-gpu oracle lock clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(VENV)/installed ## make the virtual environment from the pinned versions

# With dependencies, although the lock is complete: torch's CUDA build, where pip chooses that one, brings its own.
$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || { echo "error: t4zoo needs Python 3.11 or newer; name one: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## the whole path on this machine: T4 scenes in, a released model out (under .demo/)
	@t4zoo demo

demo-full: setup ## three detectors, labels of two of them, and a chain of five models from those labels (under .demo-full/)
	@t4zoo demo --full

serve: setup ## keep the demo's S3 server up, to look around
	@t4zoo serve --data .demo/s3

test: setup oracle ## run the tests, the demo among them
	$(BIN)/python -m pytest -n 2

check: lint ## ruff, mypy, the import contract, every configuration composes
	$(BIN)/python -m pytest -p no:xdist tests/test_pipeline.py tests/test_conf.py

lint: setup # the part of `make check` that `make test` does not do too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: bench-zoo bench-doctor bench-autolabel bench-tracking bench-create-info ## measure what has to be fast, beside what people use for it

bench-zoo: setup .bench/installed ## publish, pull and list, beside dvc, aws, s5cmd, git and gto (some minutes)
	@$(BIN)/python -m benchmarks.zoo $(BENCH)

bench-doctor: setup ## examine a zoo of 10,000 versions (five minutes, most of them to build it)
	@$(BIN)/python -m benchmarks.doctor

bench-autolabel: setup ## label a million raw boxes again, and suppression beside loops over OpenCV (two minutes)
	@$(BIN)/python -m benchmarks.autolabel $(BENCH)

bench-create-info: setup oracle ## scenes to info files beside nuscenes-devkit, then 1,000 scenes, new, known and one more (two minutes)
	@$(BIN)/python -m benchmarks.create_info $(BENCH)

bench-tracking: setup ## how well tracked objects keep their ids, and how fast (a minute)
	@$(BIN)/python -m benchmarks.tracking

bench-gpu: setup ## training and predicting on this machine's GPU, every way of computing (BENCH='--device cpu --size tiny --quick' tries it)
	@$(BIN)/python -m benchmarks.gpu $(BENCH)

.bench/installed: requirements-bench.txt # its own environment: aws and gto pin what t4zoo needs newer
	@test -x .bench/bin/python || $(PYTHON) -m venv .bench
	.bench/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@

oracle: .oracle/installed # nuscenes-devkit, which the tests compare with; it pins an old numpy, so it stays out of the environment

.oracle/installed: requirements-oracle.txt | setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .oracle -r requirements-oracle.txt
	@touch $@

lock: ## resolve pyproject.toml anew and write requirements.lock
	@$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet '.[dev]'
	@{ head -n 1 requirements.lock; .venv-lock/bin/python -m pip freeze --all --exclude pip --exclude t4zoo | sed 's/^\(torch==[0-9.]*\)+.*/\1/'; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock && rm -rf .venv-lock

clean: ## remove what the demo and the tests made; data/, info/ and models/ stay
	rm -rf .demo .demo-full .oracle .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build t4zoo.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
