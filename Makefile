# What one does with this portal. `make` alone lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo run test check bench lock setup setup-dev env

VENV := .venv
PYTHON := $(VENV)/bin/python

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup env  ## set everything up and run the portal with the simulated cloud (Ctrl-C stops it)
	@$(PYTHON) manage.py demo $(ARGS)

run: setup env  ## migrate, then run web on port 8000 and the listener against the cloud of .env
	@$(PYTHON) manage.py migrate --verbosity 0
	@$(PYTHON) -m portal.supervisor

test: setup-dev env  ## set everything up and run the tests
	@$(PYTHON) -m pytest -n auto --dist loadfile $(ARGS)

check: setup-dev env  ## lint, types, import contracts, templates, migrations, deploy check
	@sh scripts/check

bench: setup-dev env  ## measure against the named alternatives; PART=rendering for one part
	@$(PYTHON) -m benchmarks $(PART)

lock: setup-dev  ## make requirements.txt and requirements-dev.txt anew from the .in files
	@sh scripts/lock

setup: $(VENV)/.installed
setup-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	@sh scripts/venv $(VENV)

$(VENV)/.installed: requirements.txt $(VENV)/bin/python
	@echo "Installing what the portal needs (once; about half a minute) ..."
	@$(PYTHON) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/bin/python
	@echo "Installing what tests and checks need (once; about a minute) ..."
	@$(PYTHON) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $(VENV)/.installed $@

env:
	@test -f .env || sh scripts/env > .env
