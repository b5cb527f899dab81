# The commands of Waypost's workshop. `make` alone lists them.

# Debian's own Python where it is new enough: it always has a matching pip, which other builds may lack.
PYTHON ?= $(shell /usr/bin/python3 -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
            && echo /usr/bin/python3 || echo python3)
RUN := .venv/bin/python

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Settings of the caller's Python do not belong in this one.
unexport PYTHONHOME PYTHONPATH

.PHONY: help setup runtime extra demo start test check bench migration openapi lock audit clean

help: ## List the commands
	@echo "Waypost. Try \`make demo\`, then \`make test\`."
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: ## Install everything, with the tools for tests and checks, into .venv
	@$(call install,dev,requirements-dev.lock)

runtime:
	@$(call install,runtime,requirements.lock)

extra: runtime ## Install the library of a key service too (WITH=aws, gcp or vault)
	@case "$(WITH)" in aws|gcp|vault) ;; *) echo 'Say which: make extra WITH=aws, WITH=gcp or WITH=vault' >&2; exit 2;; esac
	@PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 '$(PYTHON)' -m pip --python $(RUN) install --only-binary :all: --require-hashes \
	  --disable-pip-version-check --no-input -qq -r requirements-$(WITH).lock

demo: runtime ## Run the service with invented data on 127.0.0.1:8000 (PORT=8001 DEMO_CREDENTIALS=file)
	@exec $(RUN) -m api demo

start: runtime ## Run the service for real use, with an empty database
	@exec $(RUN) -m api start

test: setup ## Run every test on SQLite and PostgreSQL (ARGS="tests/api -k tick" to run some)
	@exec $(RUN) -m pytest $(or $(ARGS),-n 2 --dist loadgroup)

check: setup ## Lint, format check, types, imports, dependencies
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(RUN) -c 'from importlinter.cli import lint_imports_command as main; main()'
	$(RUN) -m deptry .

# Needs the tools too: the PostgreSQL that is measured comes from a wheel among them.
bench: setup ## Measure the service on SQLite and PostgreSQL
	@exec $(RUN) -m benchmarks $(ARGS)

migration: setup ## Write the next migration from the models (m="add consent to clients")
	@test -n "$${m:-}" || { echo 'Say what changes: make migration m="add consent to clients"' >&2; exit 2; }
	@last=$$(ls migrations/versions | sed -n 's/^0*\([0-9][0-9]*\)_.*\.py$$/\1/p' | sort -n | tail -n 1); \
	exec $(RUN) -m alembic revision --autogenerate --rev-id "$$(printf %04d $$(( $${last:-0} + 1 )))" --message "$$m"

openapi: runtime ## Write docs/openapi.json from the code
	@$(RUN) -m api openapi > docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json

# UPGRADE=1 takes newer versions; without it the pins stay and only what pyproject.toml changed moves.
LOCK := $(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-annotate --no-header $(if $(UPGRADE),--upgrade) pyproject.toml
lock: setup ## Write the lock files from pyproject.toml (UPGRADE=1 for newer versions)
	@$(LOCK) --output-file requirements.lock
	@for extra in aws gcp vault; do \
	  $(LOCK) --extra $$extra --constraints requirements.lock --output-file requirements-$$extra.lock || exit 1; done
	@$(LOCK) --group dev --constraints requirements.lock --output-file requirements-dev.lock
	@if grep -nE '://|^-' requirements*.lock; then echo 'A lock file names an index.' >&2; exit 1; fi

audit: setup ## Look the locked versions up in the advisory database (needs a network)
	$(RUN) -m uv tool run pip-audit --require-hashes --disable-pip --requirement requirements.lock

clean: ## Remove .venv and caches; data stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# install(KIND, LOCK): bring .venv to the state of a lock file. A stamp in .venv holds the lock's hash, so that a second
# run does nothing. When a lock changed, .venv is made anew: left-overs of the old one could hide a missing dependency.
# pip is Debian's own, pointed at .venv: this needs neither the python3-venv package nor a compiler.
define install
set -eu; \
exec 9<Makefile; if command -v flock >/dev/null; then flock 9; fi; \
stamp() { sha256sum < "$$1"; }; \
fresh() { test ! -f ".venv/.lock-$$1" || test "$$(cat ".venv/.lock-$$1")" = "$$(stamp "$$2")"; }; \
if test -f .venv/.lock-$(1) && fresh $(1) $(2) && $(RUN) -c '' 2>/dev/null; then exit 0; fi; \
if ! '$(PYTHON)' -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
  echo 'Waypost needs Python 3.11 or newer with pip: apt-get install python3 python3-pip, or make PYTHON=/path/to/python3' >&2; exit 1; \
fi; \
if ! fresh runtime requirements.lock || ! fresh dev requirements-dev.lock || ! $(RUN) -c '' 2>/dev/null; then rm -rf .venv; fi; \
echo "Installing the packages of $(2) into .venv (once, about half a minute)"; \
test -d .venv || '$(PYTHON)' -m venv --without-pip .venv; \
if ! PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 '$(PYTHON)' -m pip --python $(RUN) install --only-binary :all: --require-hashes \
  --disable-pip-version-check --no-input -qq -r $(2) 9<&-; then \
  echo 'pip could not install the packages; its words are above. Run the same command again to try once more.' >&2; exit 1; \
fi; \
stamp requirements.lock > .venv/.lock-runtime; \
if test $(1) = dev; then stamp $(2) > .venv/.lock-dev; fi
endef
