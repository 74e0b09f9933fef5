# `make quickstart` and `make test` do all of their own set-up, each in a virtual environment of its own.
PYTHON ?= python3
CORE := .venv-core
FULL := .venv
LATEST := .venv-axolotl-latest
FACTORY := .venv-llamafactory
export AXOLOTL_DO_NOT_TRACK := 1
export DO_NOT_TRACK := 1
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: help setup quickstart train fmt lint types test check unit latest llamafactory recipes docs bench resolve clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(CORE)/.done: pyproject.toml
	$(PYTHON) -m venv $(CORE)
	$(CORE)/bin/pip install --quiet --disable-pip-version-check -e .
	@touch $@

# torch first, as its CPU build: left to the resolver it brings gigabytes of CUDA
$(FULL)/.done: pyproject.toml
	$(PYTHON) -m venv $(FULL)
	$(FULL)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(FULL)/bin/pip install --quiet --disable-pip-version-check -e '.[llm,train,dev]' torch==2.13.0
	@touch $@

setup: $(FULL)/.done  ## virtual environment with everything, Axolotl included
	@$(FULL)/bin/ragdata models install

quickstart: $(CORE)/.done  ## install, fetch the embedded models, build the demo dataset, show what was made
	$(CORE)/bin/ragdata models install
	$(CORE)/bin/ragdata build recipes/quickstart.yml
	$(CORE)/bin/ragdata verify recipes/quickstart.yml

train: setup  ## fine-tune the small model on the demo dataset, on a CPU
	PATH="$(abspath $(FULL))/bin:$$PATH" axolotl train recipes/quickstart.yml

fmt: $(FULL)/.done  ## format
	$(FULL)/bin/ruff format .
	$(FULL)/bin/ruff check --fix .

lint: $(FULL)/.done
	$(FULL)/bin/ruff format --check .
	$(FULL)/bin/ruff check .

types: $(FULL)/.done
	$(FULL)/bin/mypy

unit: setup  ## every test, with coverage
	$(FULL)/bin/python -m pytest --cov --cov-report=term

check: lint types unit  ## lint, types, tests: green before anything is called done

test: lint types latest llamafactory unit  ## the same from nothing, and the other tools in environments of their own

# recipes by its schema, tokens by its strategies, the plugin, and one whole job: build, train, go on, merge
latest: setup  ## the newest Axolotl, which cannot share our environment
	$(FULL)/bin/python scripts/other_tools.py axolotl-latest $(LATEST)
	PATH="$(abspath $(LATEST))/bin:$$PATH" $(LATEST)/bin/python -m pytest tests/unit/test_recipes.py \
		tests/unit/test_plugin.py tests/unit/test_tokenization.py tests/integration/test_axolotl.py

llamafactory: setup  ## LLaMA-Factory loads what `ragdata export` writes for it
	$(FULL)/bin/python scripts/other_tools.py llamafactory $(FACTORY)
	LLAMAFACTORY_PYTHON=$(FACTORY)/bin/python $(FULL)/bin/python -m pytest tests/integration/test_llamafactory.py

recipes: $(FULL)/.done  ## write recipes/*.yml anew from the templates
	$(FULL)/bin/python scripts/recipes.py

docs: $(FULL)/.done  ## write the command-line pages anew
	$(FULL)/bin/python scripts/cli_pages.py docs/cli.md

bench: setup  ## every benchmark; each prints a ratio to a bound taken in the same run
	@for script in benchmarks/*.py; do echo "== $$script"; $(FULL)/bin/python $$script || exit 1; done

resolve: $(FULL)/.done  ## prove that core, [llm] and [train] resolve together from the package index
	$(FULL)/bin/pip install --quiet --dry-run --ignore-installed '.[llm,train]' torch==2.13.0

clean:  ## remove what the targets above made
	rm -rf $(CORE) $(FULL) $(LATEST) $(FACTORY) recipes/data outputs .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
