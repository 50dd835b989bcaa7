# Everything needs only Python 3.11 or newer and make; what else is needed is installed into .venv.
# Variables: PORT=8000  EVENTLY_DATA_DIR=instance  PYTHON=python3.13  TEST_ARGS="-k booking"

PYTHONS := $(if $(PYTHON),$(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: help run stack test test-containers test-faults bench bench-analytics bench-api bench-booking bench-mail bench-pages soak lint format install clean

help: ## Print these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

run: .venv/run.stamp ## Run the site with demo data: SQLite, everything in one process tree (PORT= to change 8000)
	@exec .venv/bin/python -m evently.launch run --with-parent

stack: .venv/dev.stamp ## Run the production shape: PostgreSQL, Valkey, web server, Celery workers and beat
	@exec .venv/bin/python -m evently.launch stack --with-parent

test: .venv/dev.stamp ## Run all tests against the real servers, three at a time: they wait for them half of the time (TEST_ARGS= for pytest)
	@.venv/bin/python tests/setup_tools.py
	.venv/bin/python -m pytest -n 3 --dist loadgroup $(TEST_ARGS)

test-faults: .venv/dev.stamp ## Kill, hang and misset every part in the middle of a sale, ten times over (TEST_ARGS= for pytest)
	@for run in 1 2 3 4 5 6 7 8 9 10; do \
	  echo "Run $$run of 10"; \
	  .venv/bin/python -m pytest tests/faults $(TEST_ARGS) || exit 1; \
	done

test-containers: .venv/dev.stamp ## Build, run, kill and replace the containers of docker-compose.yml, on this machine's Docker engine or one of its own (TEST_ARGS= for pytest)
	@dev/containers.sh $(TEST_ARGS)

bench: .venv/dev.stamp ## Run every benchmark, one after the other; writes all of docs/benchmarks (an hour or so)
	@missed=; for program in tests/load/bench_*.py tests/load/soak.py; do \
	  echo "$$program"; \
	  .venv/bin/python -m tests.load.$$(basename $$program .py) || missed="$$missed $$program"; \
	done; \
	[ -z "$$missed" ] || { echo "Not all floors hold:$$missed" >&2; exit 1; }

bench-analytics: .venv/dev.stamp ## Measure figures with 1,000,000 bookings beside counting the rows; writes docs/benchmarks/analytics.md
	.venv/bin/python -m tests.load.bench_analytics

bench-api: .venv/dev.stamp ## Measure the API's reads with 1,000,000 events, kept and worked out; writes docs/benchmarks/api.md
	.venv/bin/python -m tests.load.bench_api

bench-booking: .venv/dev.stamp ## Measure the booking engine beside a bare handler; writes docs/benchmarks/booking.md
	.venv/bin/python -m tests.load.bench_booking

bench-mail: .venv/dev.stamp ## Measure the outbox beside smtplib in one loop; writes docs/benchmarks/mail.md
	.venv/bin/python -m tests.load.bench_mail

bench-pages: .venv/dev.stamp ## Measure pages with 10,000 events beside a bare Flask page; writes docs/benchmarks/pages.md
	.venv/bin/python -m tests.load.bench_pages

soak: .venv/dev.stamp ## Mixed load on the production shape for SOAK_MINUTES=10; writes docs/benchmarks/soak.md
	.venv/bin/python -m tests.load.soak $(or $(SOAK_MINUTES),10)

lint: .venv/dev.stamp ## Check style, types, templates and who imports whom
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy
	.venv/bin/djlint evently/templates --lint --quiet
	.venv/bin/lint-imports

format: .venv/dev.stamp ## Format the code
	.venv/bin/python -m ruff check --fix .
	.venv/bin/python -m ruff format .

install: .venv/dev.stamp ## Install everything for run, stack, test and lint into .venv

clean: ## Remove what was installed and cached; data in instance/ stays
	rm -rf .venv node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run.stamp: requirements.txt | .venv/bin/python
	@echo "Installing the packages of requirements.txt into .venv; this takes a minute, once."
	@$(PIP) -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt requirements.txt | .venv/bin/python
	@echo "Installing the packages of requirements-dev.txt into .venv; this takes a minute or two, once."
	@$(PIP) -r requirements-dev.txt
	@touch $@ .venv/run.stamp

# Debian keeps a part of Python in python3-venv; root gets it, everybody else is told.
.venv/bin/python:
	@for python in $(PYTHONS); do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  if ! $$python -c 'import ensurepip' 2>/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing python3-venv."; \
	    apt-get update -qq && apt-get install -y -qq python3-venv || exit 1; \
	  fi; \
	  $$python -m venv .venv || { rm -rf .venv; exit 1; }; \
	  exit 0; \
	done; \
	echo "Evently needs Python 3.11 or newer; none of these is: $(PYTHONS). Name one: make PYTHON=/path/to/python3" >&2; \
	exit 1
