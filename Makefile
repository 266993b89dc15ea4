# The house's commands. Each sets up what it needs in .venv first, once, from requirements.txt.
#
#   make explore                      the digits demo in the browser; prints its address
#   make explore DATA=fashion-mnist   the same on all 60,000 Fashion-MNIST samples
#   make test [ARGS="tests/cli -x"]   all tests, or those that pytest is told
#   make lint · make bench · make docs · make wheels · make clean

# TensorFlow and numba decide the newest Python; the first one found that fits is taken.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready

DATA ?= digits
PORT ?=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup explore test bench lint format reference docs wheels clean

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Set up .venv with the library, every extra and the plugins

$(READY): requirements.txt constraints.txt pyproject.toml $(wildcard plugins/*/pyproject.toml)
	@test -n "$(PYTHON)" || { echo "nnlens needs Python 3.11, 3.12 or 3.13; install one, or name it: make PYTHON=…" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || \
		{ echo "That Python cannot make environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) (some minutes and 4 GB, once) …"
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

explore: $(READY) ## Serve the explorer and print its address
	$(BIN)/nnlens explore $(if $(filter-out digits,$(DATA)),zoo:$(DATA) $(DATA)) $(if $(PORT),--port $(PORT)) $(ARGS)

test: $(READY) ## Run all tests, in two processes
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(ARGS)

bench: $(READY) ## Measure against peers, side by side
	$(BIN)/python benchmarks/run.py $(ARGS)

lint: $(READY) ## Check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(READY) ## Write the pages of docs that are made from the code
	$(BIN)/python docs/write_reference.py
	$(BIN)/python docs/write_bad_inputs.py

docs: $(DOCS_READY) reference ## Build the pages of docs into docs/_build
	$(BIN)/sphinx-build -q -W -b html docs docs/_build
	@echo "docs/_build/index.html"

wheels: $(READY) ## Build the wheels of nnlens and all plugins into dist
	@for package in . plugins/*/; do $(BIN)/python -m build --wheel --no-isolation --outdir dist $$package || exit 1; done

clean: ## Remove what was built here; the runs stay
	rm -rf $(VENV) dist docs/_build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
