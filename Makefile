# A new machine needs two commands, `make run` and `make test`. Both need Python 3.11+ with pip.
#   make run ARGS="--listen tcp:8080:interface=127.0.0.1"     PYTHON=python3.13 make test

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Live tests mostly wait for processes: three of them keep two cores busy.
JOBS ?= 3

# All tests but the live ones, which start processes, and parity's, which replay every golden transcript.
QUICK_TESTS = $(subst /,.,$(filter-out tests/live tests/parity tests/support tests/fuzz,\
	$(patsubst %/__init__.py,%,$(wildcard tests/*/__init__.py))) $(basename $(wildcard tests/test_*.py)))

.DEFAULT_GOAL := help
.PHONY: help run test quick trial coverage check format bench parity clients soak fuzz audit docs drawings screenshots alerts reference clean

help:  ## Show this.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# Not exec: twistd ends by the signal that stopped it (143 is SIGTERM), which make would call an error.
run: .venv/run  ## Run codexd on 127.0.0.1:11435; ARGS="..." are its flags, ARGS=--help lists them.
	@$(BIN)/twistd --nodaemon --pidfile= codexd $(ARGS) & daemon=$$!; \
	trap 'stopped=yes; kill $$daemon 2>/dev/null' INT TERM; wait $$daemon 2>/dev/null; status=$$?; \
	[ -z "$$stopped" ] || { wait $$daemon 2>/dev/null; status=0; }; [ $$status -ne 143 ] || status=0; exit $$status

test: check  ## Check, then run every test.
	@$(BIN)/python .ci/tally.py $(MAKE) --no-print-directory trial

quick: check  ## Check, then run the fast tests with few examples: a minute, for the edit loop.
	CODEXD_HYPOTHESIS_PROFILE=quick $(BIN)/python -m twisted.trial -j2 $(QUICK_TESTS)

trial: .venv/dev
	$(BIN)/python -m twisted.trial -j$(JOBS) tests

coverage: .venv/dev  ## Run every test and measure their coverage: half as long again.
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m twisted.trial -j$(JOBS) tests
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

check: .venv/dev  ## Style, types, the import contract and the docstrings: the fast part of test.
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pydoctor

format: .venv/dev  ## Fix what ruff can fix.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/dev  ## Measure what codexd costs, over Codex and over an upstream; ARGS="--help" lists its options.
	$(BIN)/python -m bench $(ARGS)

parity: .venv/dev  ## Compare the golden transcripts of fixtures/ with the current responses.
	$(BIN)/python -m tests.parity $(or $(ARGS),compare)

clients: .venv/dev  ## Install real client programs under build/clients, run them against codexd, print the results.
	$(BIN)/python -m tests.clients $(ARGS)

soak: .venv/dev  ## Mixed load and faults for ten minutes; ARGS="--seconds 3600 --clients 8", --help lists the others.
	$(BIN)/python -m tests.soak $(ARGS)

fuzz: .venv/dev  ## Fuzz the whole HTTP surface for ten minutes; ARGS="..." are options of schemathesis run.
	$(BIN)/python -m tests.fuzz $(ARGS)

# Needs the network, so CI does not run it. --strict: a package that could not be looked up is a failure, not a success.
audit: .venv/dev  ## Look the installed versions up in the package index's list of vulnerabilities.
	@$(INSTALL) --editable '.[audit]'
	@$(BIN)/python -m pip freeze --exclude-editable > .venv/installed.txt
	$(BIN)/python -m pip_audit --strict --no-deps --disable-pip --progress-spinner off -r .venv/installed.txt

docs: .venv/dev  ## Build the reference of the code in build/apidocs.
	$(BIN)/python -m pydoctor
	@echo build/apidocs/index.html

drawings: .venv/run  ## Draw the state machines in docs/ again, from the code.
	@$(BIN)/python -m docs.drawings

screenshots: .venv/dev  ## Make the pictures of docs/status-page.md again; needs Chromium.
	@$(BIN)/python -m docs.screenshots

alerts: .venv/dev  ## Check the alerts with promtool, and write their table in docs/ again.
	promtool check rules etc/prometheus/rules/*.yml
	promtool test rules etc/prometheus/tests/*.yml
	@$(BIN)/python -m docs.alert_table

reference: .venv/run  ## Write etc/codexd.toml, the units, and the tables of settings, events and metrics in docs/.
	@$(BIN)/codexd settings > etc/codexd.toml
	@$(BIN)/python -c 'from codexd.systemd.units import write_examples; write_examples("etc")'
	@sed '/^<!-- generated/q' docs/configuration.md > .venv/configuration.md
	@{ cat .venv/configuration.md; echo; $(BIN)/codexd settings --markdown; } > docs/configuration.md
	@sed '/^<!-- generated/q' docs/servers.md > .venv/servers.md
	@{ cat .venv/servers.md; echo; $(BIN)/codexd settings --presets; } > docs/servers.md
	@$(BIN)/python -m docs.observability

clean:  ## Remove everything that was made, .venv included.
	rm -rf .venv build dist *.egg-info _trial_temp* .coverage* .hypothesis .mypy_cache .ruff_cache \
		.import_linter_cache twisted/plugins/dropin.cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: what was installed for the pyproject.toml of their date.
.venv/run: pyproject.toml | .venv/bin/python
	@echo "Installing codexd and the Codex binary into .venv ..."
	@$(INSTALL) --editable .
	@touch $@

.venv/dev: .venv/run
	@echo "Installing what the checks and tests need into .venv ..."
	@$(INSTALL) --editable '.[dev]'
	@touch $@

# Some systems ship venv without ensurepip (Debian without python3-venv): then pip itself puts a pip into it.
.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "codexd needs Python 3.11 or newer: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { rm -rf .venv && $(PYTHON) -m venv --without-pip .venv && \
		$(PYTHON) -m pip --quiet --python .venv/bin/python install pip; }
