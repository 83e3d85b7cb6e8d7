# make run    the example SaaS and the daemon that watches it
# make test   every test (installs the servers that tests need from Debian where it can)
# make check  ruff, mypy --strict, import rules
# make docs   the generated pages: configuration, monitors, metrics, log events
# make fuzz   strangers' bytes against all that reads them, for MINUTES (10)
# make bench  benchmarks; benchmarks/RESULTS.md keeps what they printed
# make dashboards-preview  the dashboards as pictures, docs/images (needs node, npm and chromium)

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PYTEST_ARGS ?=

.PHONY: run test check docs fuzz bench dashboards-preview clean
.DEFAULT_GOAL := run

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/.run: $(BIN)/python pyproject.toml
	@echo "Installing saasobs and its example (once) …"
	@$(BIN)/python -m pip install --quiet --editable '.[daemon]' --group example
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	@echo "Installing what tests and checks need (once) …"
	@$(BIN)/python -m pip install --quiet --editable '.[daemon]' --group dev
	@touch $@ $(VENV)/.run

run: $(VENV)/.run
	@exec $(BIN)/python examples/demo.py

test: $(VENV)/.dev
	@$(BIN)/python tests/servers.py
	@$(BIN)/python tests/fetched.py
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# In an environment of its own: some peers hook themselves into whatever is installed beside them.
bench: PEERS := var/bench
bench:
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(PEERS)/bin/python -m pip install --quiet --editable '.[daemon]' --group bench
	PYTHONPATH=tests $(PEERS)/bin/python -m benchmarks

MINUTES ?= 10
fuzz: $(VENV)/.dev
	$(BIN)/python tests/fuzz.py $(MINUTES)

docs: $(VENV)/.dev
	$(BIN)/python -m saasobs.settings.document
	$(BIN)/python -m saasobs.settings.monitors_page
	$(BIN)/python -m saasobs.daemon.document
	$(BIN)/python -m saasobs.instrument.document
	$(BIN)/python -m saasobs.rules.document
	$(BIN)/python -m dashboards.generate

# NAMES='overview slo' draws only these.
dashboards-preview: $(VENV)/.dev
	@$(BIN)/python tests/servers.py
	PYTHONPATH=tests $(BIN)/python -m dashboards.preview $(NAMES)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache var
