# SRE Copilot. `make help` lists what there is.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# The first of these that is there and new enough; `make PYTHON=/path/to/python …` decides otherwise.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this
	@echo "SRE Copilot"; echo
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16 | sed 's/^/  make /'

# --- Try it ---------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: install ## See it work: one recorded incident through the real path (ONCE=1 exits when the thread is complete)
	@$(BIN)/copilot demo $(if $(ONCE),--once) $(ARGS)

.PHONY: up
up: install ## Start the stack without the demo, until Ctrl-C
	@$(BIN)/copilot up $(ARGS)

# --- Set up ---------------------------------------------------------------------------------------------------------

.PHONY: install
install: $(VENV)/.installed ## Make the environment in .venv, with the `copilot` command

.PHONY: install-dev
install-dev: $(VENV)/.installed-dev ## The same, with what tests and linters need

# uv installs the same locked, hash-checked files as pip, several times faster; where it cannot reach them (an index that
# only pip is set up for), pip does it.
define fetch
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
endef

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with make PYTHON=/path/to/python"; exit 1; }
	@echo "Making the environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the product needs …"
	$(call fetch,requirements.txt)
	@site=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && pwd > "$$site/sre-copilot.pth"
	@printf '#!/bin/sh\nexec "%s/$(BIN)/python" -m copilot "$$@"\n' "$$(pwd)" > $(BIN)/copilot && chmod +x $(BIN)/copilot
# The first process compiles what the others load; where PYTHONDONTWRITEBYTECODE is set, each of them would compile it anew.
	@PYTHONDONTWRITEBYTECODE= COPILOT_SECRET_KEYS=only-for-loading-never-for-secrets $(BIN)/python -c \
		'import copilot.asgi; copilot.asgi.make_api(); import slackbot.local.__main__' 2>/dev/null || true
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing what the tests need …"
	$(call fetch,requirements-dev.txt)
	@touch $@

.PHONY: lock
lock: install-dev ## Resolve the dependencies anew into the locked requirements files
	@$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	@printf 'boto3\nhvac\n' | $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-c requirements-dev.txt - -o requirements-stores.txt
	@echo uv | $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-c requirements-dev.txt - -o requirements-uv.txt

# --- Check ----------------------------------------------------------------------------------------------------------

.PHONY: test-deps
test-deps: ## Install the Debian packages that some tests need (as root), and a Kubernetes control plane where one is given
	@bash .ci/test-deps

.PHONY: test
test: lint ## Run the whole test suite
	@if command -v npm >/dev/null; then npm ci --silent --ignore-scripts --prefix tests/servers --no-audit --no-fund; \
		else echo "npm is absent: the tests against the Claude stand-in are skipped"; fi
	@$(BIN)/pytest -n 3 --dist loadgroup $(ARGS)

.PHONY: lint
lint: install-dev ## ruff, mypy and the import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

.PHONY: upgrade
upgrade: install-dev ## Run the main path's tests of the version of before on the tables of now
	@$(BIN)/python -m tests.deploy.upgrade $(ARGS)

.PHONY: key-rotation
key-rotation: install-dev ## Change the master secret while incidents come in, replacing every process at each step
	@$(BIN)/python -m tests.e2e.rolling --rotate $(ARGS)

.PHONY: restore
restore: install-dev ## Back up a product in use, restore it on another PostgreSQL, and go on there
	@$(BIN)/python -m tests.e2e.restored $(ARGS)

.PHONY: rolling-restart
rolling-restart: install-dev ## Replace api, worker and beat again and again during 100 incidents: none lost, doubled or refused
	@$(BIN)/python -m tests.e2e.rolling $(ARGS)

# Checkov pins half of what the product pins, differently: it has an environment of its own.
.PHONY: policies
policies: install-dev ## Hold Terraform, the image, the workflows and the rendered chart against checkov's policies
	@bash .ci/policies

.PHONY: docs
docs: install-dev ## Build the documents as a site in site/; fails on a link that leads nowhere
	@bash .ci/docs

.PHONY: bench
bench: install ## Measure what is promised (see docs/benchmarks.md)
	@$(BIN)/copilot bench ingest $(ARGS)
	@$(BIN)/copilot bench e2e $(ARGS)
	@$(BIN)/copilot bench slack $(ARGS)
	@$(BIN)/copilot bench scoring $(ARGS)
	@$(BIN)/copilot bench sweep $(ARGS)
	@$(BIN)/copilot bench agent $(ARGS)

.PHONY: format
format: install-dev ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix --quiet .

.PHONY: integration-pages
integration-pages: install-dev ## Write docs/integrations from the integrations' classes
	@$(BIN)/python -m integrations.pages docs/integrations

.PHONY: openapi
openapi: install-dev ## Write the description of the REST API anew (docs/api/openapi.json)
	@COPILOT_SECRET_KEYS=only-for-describing-the-api-never-for-secrets $(BIN)/python -m copilot.web.api docs/api/openapi.json

.PHONY: record-demo
record-demo: install-dev ## Record the demo's incident anew, from a real Prometheus and a real Kubernetes API (needs test-deps)
	@$(BIN)/python -m tests.e2e.record_shop copilot/replay/shop.json.gz

.PHONY: screenshots
screenshots: install-dev ## Photograph the main screens into docs/images, from the demo in headless Chromium (needs chromium)
	@$(BIN)/python -m tests.browser.screenshots docs/images

.PHONY: clean
clean: ## Take the environment and the local data away
	@rm -rf $(VENV) .copilot
