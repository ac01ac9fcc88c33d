# Everything that a newcomer runs. `make demo` and `make test` install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install demo test golden lint format testbed-install testbed testbed-down browser-install chaos clean
.DEFAULT_GOAL := help

help:  ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(VENV)/installed  ## make .venv with the pinned dependencies

$(VENV)/installed: setup.cfg constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install  ## make MP3 clips, run the whole pipeline on them
	$(BIN)/python -m pipeline.demo data/demo
	$(BIN)/python -m pipeline.launch --grid grids/smoke.yaml --data data/demo --out work/demo --executor debug

# The tests on Slurm share one cluster and mostly wait: they run one by one beside the others, which
# run in parallel. Their report comes last. ARGS goes to both, for instance ARGS="-k launch".
test: install  ## run all tests
	@report=$$(mktemp); \
	$(BIN)/python -m pytest -m slurm -p no:cacheprovider $(ARGS) > $$report 2>&1 & slurm=$$!; \
	$(BIN)/python -m pytest -m "not slurm" -n auto --maxprocesses 8 --dist worksteal $(ARGS); others=$$?; \
	wait $$slurm; status=$$?; cat $$report; rm -f $$report; \
	exit $$((others + status))

golden: install  ## compare results with recorded ones, real recordings included (CLIPS_DIR)
	GOLDEN=1 $(BIN)/python -m pytest tests/golden

lint: install  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install  ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

testbed-install:  ## install Debian's Slurm packages for the testbed (root; the only call of apt)
	$(PYTHON) -m slurm.testbed.testbed install

testbed:  ## start a real Slurm of four nodes on this machine (root)
	$(PYTHON) -m slurm.testbed.testbed start

testbed-down:  ## stop it and remove all of it
	$(PYTHON) -m slurm.testbed.testbed stop

browser-install:  ## install Debian's Chromium, in which the report is tested (root)
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium > /dev/null

chaos: install  ## launch under faults on the testbed, 20 rounds
	$(BIN)/python benchmarks/chaos.py --rounds 20 --seed 0

clean:  ## remove what installing and the demo made
	rm -rf $(VENV) work/demo data/demo *.egg-info .pytest_cache .mypy_cache .ruff_cache
