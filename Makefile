# Two commands for a fresh machine: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
LOCAL := $(BIN)/python -m scrm.local
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url
APPS := scrm tenants contacts journeys campaigns analytics
ARGS ?=
BENCH ?= $(notdir $(basename $(shell grep -l __main__ bench/*.py)))
export PORT

.DEFAULT_GOAL := help
.PHONY: help python setup dev demo test test-slow test-browser chaos hostile bench lint lint-style lint-types lint-imports lint-templates lint-migrations lint-api openapi messages lock compose-check clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "PORT=8001 chooses the demo's port, SCRM_VAR=folder its data, PYTHON=python3.12 the Python."

python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no '$(PYTHON)' here: install Python 3.11 or newer, or name it: PYTHON=/path/to/python3.11 make demo" >&2; exit 1; }

setup: python ## Make .venv with the locked packages that running needs
	@$(PYTHON) -I scrm/local/bootstrap.py run

dev: python ## The same with the packages for tests and checks
	@$(PYTHON) -I scrm/local/bootstrap.py dev

demo: setup ## Open everything on http://127.0.0.1:$PORT; Ctrl-C stops it
	@$(LOCAL) demo

test: dev messages ## Run the tests; ARGS="-k name" chooses
	@$(LOCAL) exec --fast --var var/test -- $(BIN)/python -m pytest -n auto -m "not browser and not chaos and not slow" $(ARGS)

test-slow: dev messages ## Run the tests with servers of their own, or thousands of cases
	@$(LOCAL) exec --fast --var var/test-slow -- $(BIN)/python -m pytest -m "slow and not chaos" $(ARGS)

test-browser: dev messages ## Run the tests that need Chromium
	@$(LOCAL) exec --fast --var var/test-browser -- $(BIN)/python -m pytest -m browser $(ARGS)

chaos: dev messages ## Run the tests that kill processes in the middle of work
	@$(LOCAL) exec --var var/chaos -- $(BIN)/python -m pytest -m chaos $(ARGS)

hostile: dev messages ## Ten bad minutes with 2,000 people: nothing lost, nothing twice; ARGS="--minutes 2"
	$(BIN)/python -m tests.chaos.hostile $(ARGS)

bench: dev messages ## Measure against floors of the same run; BENCH=dispatch ARGS="--rows 9000" chooses
	@$(LOCAL) exec --var var/bench -- sh -ec 'export LOG_LEVEL=WARNING; $(BIN)/python manage.py migrate --verbosity 0; for name in $(BENCH); do echo "== $$name"; $(BIN)/python -m bench.$$name $(ARGS); done'

lint: lint-style lint-types lint-imports lint-templates lint-migrations lint-api ## Everything that reads code; -k goes on after a failure

lint-style: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: dev
	$(BIN)/mypy .

lint-imports: dev
	$(BIN)/lint-imports

lint-templates: dev
	$(BIN)/djlint --lint --quiet $(APPS)

lint-migrations: dev
	@mkdir -p var
	$(LOCAL) exec --fast --var var/lint -- $(BIN)/python manage.py makemigrations --check --dry-run

lint-api: dev
	@mkdir -p var
	$(BIN)/python manage.py spectacular --lang en --validate --fail-on-warn --file var/openapi.yaml
	@diff -u docs/openapi.yaml var/openapi.yaml || { echo "The API changed: look at the difference, then run 'make openapi'." >&2; exit 1; }

openapi: dev ## Write docs/openapi.yaml anew after a wanted change of the API
	$(BIN)/python manage.py spectacular --lang en --validate --fail-on-warn --file docs/openapi.yaml

messages: python ## Compile the translations that changed
	@test -x $(BIN)/python || $(PYTHON) -I scrm/local/bootstrap.py run
	@$(LOCAL) messages

lock: dev ## Lock the newest packages that the requirements*.in files allow
	$(COMPILE) --upgrade requirements.in -o requirements.txt
	$(COMPILE) --upgrade requirements-dev.in -c requirements.txt -o requirements-dev.txt
	$(COMPILE) --upgrade requirements-uv.in -o requirements-uv.txt

compose-check: dev ## Check docker-compose.yml and Dockerfile with the real tools
	$(BIN)/docker-compose --env-file .env.example -f docker-compose.yml config --quiet
	$(BIN)/hadolint Dockerfile

clean: ## Remove what tests and tools made; the demo's data stays
	rm -rf var/test var/test-slow var/test-browser var/chaos var/bench var/lint var/openapi.yaml staticfiles .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
