# Every target sets up what it needs. VENV is where; PYTHON is which (3.11 or later).
VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
export PIP_ROOT_USER_ACTION := ignore
# How many tests run at once: most of them wait for a server, a kernel or a page.
JOBS ?= auto

SOURCES := $(shell find jupyter_agents labextension/src labextension/style -type f \
	-not -path '*/__pycache__/*' -not -path 'jupyter_agents/labextension/*' 2>/dev/null)
PACKAGE := pyproject.toml requirements.lock labextension/package.json labextension/yarn.lock $(SOURCES)

.PHONY: help quickstart lab test retest lint bench pictures image image-full lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

quickstart: $(VENV)/.quickstart ## Set up, then run the first notebook headless and show the agent's work
	@$(BIN)/jupyter-agents quickstart notebooks/01-quickstart.ipynb $(if $(MODEL),--model $(MODEL))

lab: $(VENV)/.quickstart ## Open JupyterLab on the notebooks folder
	@cd notebooks && $(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) .

test: $(VENV)/.test ## Set up, then run every test (REQUIRE=docker,bwrap,chromium: nothing may be absent)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile
	cd labextension && $(JLPM) test

retest: $(VENV)/.test ## Run the tests that failed last time once more, and what did not run after them
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none
	cd labextension && $(JLPM) test

lint: $(VENV)/.test ## Check style and types, warnings as errors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd labextension && $(JLPM) lint:check

bench: $(VENV)/.test ## Print the benchmark table
	$(BIN)/python -m tests.benchmarks

pictures: $(VENV)/.test ## Make the pictures of the README anew (needs Chromium)
	$(BIN)/python -m tests.make_pictures

image: $(VENV)/.quickstart ## Build the image of Docker sandboxes (BASE=... for another base image)
	$(BIN)/python -m jupyter_agents.sandbox.image $(if $(BASE),--base $(BASE))

image-full: $(VENV)/.quickstart ## Build it with Node.js, Go, and libraries for data, plots and documents
	$(BIN)/python -m jupyter_agents.sandbox.image --variant full $(if $(BASE),--base $(BASE))

# jsonschema 4.25 and later build a grammar in every Jupyter process that starts, which takes seconds.
lock: ## Pin the newest versions of all dependencies in requirements.lock
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install -q -U pip
	$(VENV)-lock/bin/python -m pip install -q ".[lab,test]" "jsonschema<4.25"
	(echo "# Exact versions for make and CI; made by 'make lock'."; $(VENV)-lock/bin/python -m pip freeze --exclude jupyter-agents) > requirements.lock
	rm -rf $(VENV)-lock

clean: ## Remove what the other targets made
	rm -rf $(VENV) jupyter_agents/labextension labextension/lib labextension/node_modules

JLPM := PATH="$(BIN):$$PATH" $(BIN)/jlpm

$(VENV)/.venv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; give one with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -U -c requirements.lock pip
	@touch $@

$(VENV)/.quickstart: $(VENV)/.venv $(PACKAGE)
	@echo "Installing jupyter-agents into $(VENV) (a minute or two the first time) ..."
	$(PIP) install -q -c requirements.lock ".[lab]"
	@touch $@

$(VENV)/.test: $(VENV)/.quickstart
	$(PIP) install -q -c requirements.lock ".[lab,test]"
	cd labextension && $(JLPM) install --immutable
	@touch $@
