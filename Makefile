# make demo      a made-up cloud, audited: needs python3 and a package index, nothing else
# make test      all tests, on a real MariaDB and PostgreSQL (tests/mariadb.py, tests/postgresql.py: from where)
# make fuzz      at random: 20,000 requests to explain and to the real placement, 20,000 damaged servers to the audit
# make lint      ruff and mypy
# make readme    write the README's tables anew
# make sql       write sql/ anew
# make bench     against nova-manage, on a large cloud
# make image     container images of MariaDB and of the auditor, made without a registry (root, Docker)
# make clean     remove what these made

PYTHON ?= python3
# a file at a time on each processor, which has a MariaDB of its own
PYTEST_ARGS ?= --numprocesses=auto --dist=loadfile

VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo -n)

.PHONY: demo test fuzz lint readme sql bench image clean

# exit code 1 says that the audit found something, which is what a demonstration is for
demo: $(VENV)/.installed
	@$(BIN)/placement-audit demo || [ $$? -eq 1 ]

test: $(VENV)/.installed-for-tests
	@$(BIN)/pytest $(PYTEST_ARGS)

fuzz: $(VENV)/.installed-for-tests
	@PLACEMENT_AUDIT_FUZZ=20000 $(BIN)/pytest tests/candidates/test_against_placement.py tests/test_invariant.py $(PYTEST_ARGS)

lint: $(VENV)/.installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

readme: $(VENV)/.installed
	$(BIN)/python -m tests.readme

sql: $(VENV)/.installed
	@rm -f sql/*
	$(BIN)/placement-audit sql --out sql

bench: $(VENV)/.installed-for-tests
	@$(BIN)/pip install --quiet --editable '.[bench]'
	$(BIN)/python bench/run.py

image: $(BIN)/pip
	docker/mariadb-image
	PIP=$(BIN)/pip docker/auditor-image

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.installed: pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-for-tests: pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.installed

# Debian's python3 comes without the part of venv that brings pip.
$(BIN)/pip:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "make: installing Debian's python3-venv with $(SUDO) apt-get" >&2; \
		$(SUDO) apt-get update -q && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3-venv; }
	$(PYTHON) -m venv $(VENV)
