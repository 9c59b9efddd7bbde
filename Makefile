# Every check and step of the project; CI runs the same ones. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run train test bench screenshots docs lint audit format lock messages clean

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
STORES_VENV ?= .venv-stores
PORT ?= 8000
BIN := $(VENV)/bin
CODE := benchmarks cifarsite classifier docs ml tools manage.py conftest.py

help: ## list what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

# Nothing is made or installed for a Python that cannot have it.
CHECK = tools/check_python.py $(1) $(or $(firstword $(MAKECMDGOALS)),run)
$(VENV)/.installed-%: export VENV := $(VENV)
$(VENV)/.installed-%: %.txt
	@if [ -x $(BIN)/python ]; then $(BIN)/python $(call CHECK,$*); \
	elif command -v $(PYTHON) >/dev/null; then $(PYTHON) $(call CHECK,$*) && $(PYTHON) -m venv $(VENV); \
	else echo "$(PYTHON) is not installed. Name one that is: PYTHON=python3.12 make ..." >&2; exit 1; fi
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --requirement $<
	@touch $@

# As in production, but over plain HTTP on this machine alone.
run: export DEBUG := false
run: export HTTPS ?= false
run: export ALLOWED_HOSTS ?= localhost,127.0.0.1,[::1]
run: export SECRET_KEY_FILE ?= $(CURDIR)/.secret_key
run: export PORT := $(PORT)
run: $(VENV)/.installed-requirements-serve ## serve http://localhost:8000 (PORT=9000 make run elsewhere)
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python manage.py collectstatic --no-input --verbosity 0
	@echo "Serving http://localhost:$(PORT) (Ctrl-C ends it)"
	$(BIN)/gunicorn --config python:cifarsite.gunicorn cifarsite.wsgi

train: $(VENV)/.installed-requirements ## train the network (ARGS="--epochs 5 --limit 5000" and the like)
	$(BIN)/python manage.py train $(ARGS)

test: export STORES_VENV := $(abspath $(STORES_VENV))
test: $(VENV)/.installed-requirements $(STORES_VENV)/.installed ## install what the tests need and run them (ARGS=--endurance for the longest too, ARGS=--cov to see what they reach)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

# Two S3 servers, with libraries that the site has no use for.
$(STORES_VENV)/.installed: requirements-stores.txt | $(VENV)/.installed-requirements
	$(BIN)/python -m venv $(STORES_VENV)
	$(STORES_VENV)/bin/python -m pip install --disable-pip-version-check --quiet --requirement $<
	@touch $@

# The peers' libraries want other versions than the site's, so they have an environment of their own.
$(BENCH_VENV)/.installed: benchmarks/serving/requirements.txt | $(VENV)/.installed-requirements-serve
	$(BIN)/python -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --disable-pip-version-check --quiet --requirement $<
	@touch $@

bench: $(VENV)/.installed-requirements-serve $(BENCH_VENV)/.installed ## measure the site beside other ways to serve (PHOTOS_DIR=... with your photographs)
	$(BIN)/python -m benchmarks.serving --python $(BENCH_VENV)/bin/python $(ARGS)

screenshots: $(VENV)/.installed-requirements ## take the pictures of every page for docs/pages.md anew
	$(BIN)/python -m docs.screenshots

docs: $(VENV)/.installed-requirements ## write the generated pages anew, check all links, and build the documentation in site/
	$(BIN)/python -m docs.generate
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lint: $(VENV)/.installed-requirements ## style, layers, types, insecure code, spelling, migrations, translations, deployment settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(CODE)
	DEBUG=true $(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/python -m docs.generate --check
	$(BIN)/python -m tools.spelling
	$(BIN)/python manage.py makemigrations --check --dry-run
	DEBUG=false SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))') \
		ALLOWED_HOSTS=example.org $(BIN)/python manage.py check --deploy --fail-level WARNING

audit: $(VENV)/.installed-requirements ## known weaknesses of the packages, where the advisories can be reached
	VENV=$(VENV) .ci/audit

format: $(VENV)/.installed-requirements ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.installed-requirements ## pin the requirements anew from the .in files
	for name in requirements-serve requirements requirements-stores; do \
		$(BIN)/uv pip compile --universal --python-version 3.11 --quiet --no-emit-index-url --no-emit-find-links \
			--custom-compile-command "make lock" $$name.in --output-file $$name.txt || exit 1; \
	done

messages: $(VENV)/.installed-requirements ## collect and compile translations (needs gettext)
	$(BIN)/python manage.py makemessages --locale uk --no-location --no-wrap --ignore '.venv*' --ignore runs --ignore staticfiles
	$(BIN)/python manage.py compilemessages --locale uk --verbosity 0 --ignore '.venv*'

clean: ## remove what is made here, but no data and no trained model
	rm -rf $(VENV) $(BENCH_VENV) $(STORES_VENV) site staticfiles .pytest_cache .ruff_cache .mypy_cache .coverage htmlcov
