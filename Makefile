# Each target does what it needs first. `make install && make demo` is all a newcomer types.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# further options for installing torch, such as an index of builds without CUDA
TORCH_FLAGS ?=
# the demo keeps to its own AiiDA directory and touches no other profile
DEMO := $(CURDIR)/demo
# pytest workers
WORKERS ?= 2
# how long, and which, spoiled files are tried
SECONDS ?= 60
SEED ?= 1
# which tests of faults
FAULTS ?= tests/faults
# what `make bench` runs: not what measures nothing, needs a file or a campaign, or takes half an hour
MEASURED := $(filter-out $(foreach name,common smoke families gpaw_labels label_efficiency daemon_kills,benchmarks/$(name).py), \
	$(wildcard benchmarks/*.py))

BIN := .venv/bin
STAMP := .venv/.installed
SOURCES := pyproject.toml constraints.txt $(wildcard alworkflows/*/*/*.c alworkflows/*/*/*.h)
DEMO_ENV := AIIDA_PATH=$(DEMO)

.PHONY: help install install-services demo test test-sanitized test-services test-faults fuzz check format bench smoke clean distclean

help:
	@echo "make install    install into .venv, with the versions that were tested"
	@echo "make demo       a zinc-oxide campaign from setup to report, in demo/ (at most 5 minutes on 2 cores)"
	@echo "make test       all tests but those that need services"
	@echo "make test-sanitized  tests of the kernels under gcc's address and undefined-behaviour sanitizers, in build/sanitized"
	@echo "make fuzz       spoiled files of models and frames for a while; SECONDS=600 SEED=7"
	@echo "make test-services  tests on PostgreSQL, RabbitMQ, Slurm, with pw.x, GPAW, CP2K and a stand-in of VASP; it installs"
	@echo "                what is missing of them (Debian, as root)"
	@echo "make test-faults  campaigns whose daemon, workers, broker and jobs are killed, whose disk is full, whose labels fail"
	@echo "                (as root: it mounts a small disk); FAULTS=tests/faults/test_kills.py for the kills alone"
	@echo "make check      ruff and mypy"
	@echo "make format     let ruff format and sort imports"
	@echo "make bench      side-by-side measurements"
	@echo "make smoke      each of them in seconds, only to see that it runs; SMOKE=refit for one alone"
	@echo "make clean      remove builds and caches; make distclean: .venv and demo/ too"

install: $(STAMP)

$(BIN)/python:
	$(PYTHON) -m venv .venv

# the older pip that comes with Python crashes on an AiiDA extra; torch comes first so that the rest is resolved around it
$(STAMP): $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(TORCH_FLAGS) torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[universal,espresso,dev]"
	touch $@

# launched and then watched, so that its PK is known even if the watching is left with Ctrl-C
demo: install
	mkdir -p $(DEMO)
	$(DEMO_ENV) $(BIN)/alworkflows setup laptop
	$(BIN)/alworkflows new zno --protocol quick > $(DEMO)/zno.yaml
	$(DEMO_ENV) $(BIN)/alworkflows launch $(DEMO)/zno.yaml --json > $(DEMO)/campaign.json
	pk=$$($(BIN)/python -c 'import json, sys; print(json.load(sys.stdin)["pk"])' < $(DEMO)/campaign.json) \
	&& export $(DEMO_ENV) \
	&& $(BIN)/alworkflows status $$pk --wait \
	&& $(BIN)/alworkflows report $$pk --output $(DEMO)/report \
	&& $(BIN)/alworkflows export $$pk --output $(DEMO)/potential --overwrite
	$(DEMO_ENV) $(BIN)/verdi daemon stop
	@echo "the page: $(DEMO)/report/index.html; the rest is yours to ask for, after: export AIIDA_PATH=$(DEMO)"

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

test-sanitized: install
	WORKERS=$(WORKERS) tests/sanitized/run.sh

fuzz: install
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m fuzz --seconds $(SECONDS) --seed $(SEED)

install-services:
	tests/services/install.sh

test-services: install install-services
	GPAW_CONFIG=$(CURDIR)/tests/codes/gpaw_siteconfig.py \
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[universal,espresso,gpaw,tblite,dev]"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/services tests/codes

test-faults: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(FAULTS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	@for script in $(MEASURED); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

smoke: install
	$(BIN)/python benchmarks/smoke.py $(SMOKE)

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find alworkflows workchains tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	-[ -d $(DEMO) ] && $(DEMO_ENV) $(BIN)/verdi daemon stop
	rm -rf .venv $(DEMO)
	find alworkflows -name '*.so' -delete
