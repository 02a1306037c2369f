# `make demo` and `make test` are all a newcomer needs; the rest is for contributors.
.DEFAULT_GOAL := help
.PHONY: help setup demo sliders report docs test test-fuzz test-faults test-slurm bench lint format clean

PYTHON ?= python3
CORES ?= $(shell nproc)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:  ## what there is
	@grep -E '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 10

setup: .venv/.complete  ## make .venv from the pinned requirements

# Three steps, because menpo3d's source build imports numpy and Cython, and four packages ask in their
# metadata for versions that they do not need (envs/no-deps.txt says which and why).
.venv/.complete: envs/build.txt envs/requirements.txt envs/no-deps.txt envs/tools.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, os, sysconfig; open(os.path.join(sysconfig.get_path("include"), "Python.h"))' \
		|| { echo "python3 lacks venv or its C headers: apt-get install python3-venv python3-dev"; exit 1; }
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r envs/build.txt
	$(BIN)/pip install --quiet --no-build-isolation -r envs/requirements.txt -r envs/tools.txt
	$(BIN)/pip install --quiet --no-build-isolation --no-deps -r envs/no-deps.txt
	touch $@

demo: setup  ## annotate the sample and the photos that packages ship
	$(BIN)/snakemake --workflow-profile workflow/profiles/default --cores $(CORES)

sliders: setup  ## slide the demo's expressions on a page of this machine
	$(BIN)/python -m pipeline.sliders

test: setup  ## the test suite, a process a core
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile

test-fuzz: setup  ## read 10,000 damaged files with every reader
	FUZZ_WORKERS=$(CORES) $(BIN)/python -m pytest tests/fuzz -s -m fuzz

test-faults: setup  ## kill runs and fill disks, run again, compare the bytes
	$(BIN)/python -m pytest tests/faults -s -m faults

test-slurm: setup  ## the sample on a real Slurm of one node (root; installs Debian's packages if they are missing)
	$(BIN)/python -m pytest tests/slurm -m slurm

bench: setup  ## compare with peers; prints tables
	$(BIN)/python -m pytest tests/benchmarks -s -m benchmark

bench-%: setup  ## one folder of tests/benchmarks
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest tests/benchmarks/$* -s -m benchmark

lint: setup  ## ruff, snakefmt, mypy
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy

format: setup  ## let ruff and snakefmt write
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

report: demo  ## report.html: what the demo made, to be opened in a browser, without a network
	$(BIN)/snakemake --workflow-profile workflow/profiles/default --report report.html --report-stylesheet workflow/report/report.css

docs: setup  ## the documentation as pages, into site/
	$(BIN)/mkdocs build --strict --config-file docs/site/mkdocs.yml

clean:  ## remove what the workflow made
	rm -rf results report.html site .snakemake
