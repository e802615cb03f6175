# The two commands: `make run` compares real models on real molecules, `make test` checks the code and runs the tests.
# `make thorough` also runs other forms of what is tested already, with JAX's programs compiled as users get them.
# `make study` repeats the study on what runs from packages, and writes docs/study.
# `make bench` measures the engine beside its peers; BENCH=--quick is faster.
# All make the virtual environment .venv first; PYTHON=python3.12 chooses another Python.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# A module of tests stays with one of the processes: what it compiles and loads is its own.
WORKERS := -n 2 --dist loadscope

.DELETE_ON_ERROR:
.PHONY: run study test thorough check unit bench install clean

run: $(VENV)/models
	$(BIN)/hyle run

# It takes long; what is embedded is kept, and the same command continues.
study: $(VENV)/models
	$(BIN)/hyle study -o docs/study

test: check unit

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p $(VENV)/types/hyle
	@for package in engine zoo cli; do ln -sfn "$(CURDIR)/$$package" $(VENV)/types/hyle/$$package; done
	$(BIN)/lint-imports --no-logo --no-cache
	MYPYPATH=$(VENV)/types $(BIN)/mypy -p hyle.engine -p hyle.zoo -p hyle.cli

unit: $(VENV)/dev $(VENV)/models
	$(BIN)/pytest $(WORKERS) -m "not models and not thorough"
	$(BIN)/pytest $(WORKERS) -m "models and not thorough"

thorough: export XLA_FLAGS =
thorough: check unit
	$(BIN)/pytest $(WORKERS) -m thorough

bench: $(VENV)/base
	$(BIN)/python -m bench $(BENCH)

install: $(VENV)/dev $(VENV)/models

clean:
	rm -rf $(VENV) bench/.envs bench/.inputs build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch first and by its exact version: a range may take a build with gigabytes of CUDA libraries.
$(VENV)/base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "hyle needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) --version`. Try: make PYTHON=python3.12"; exit 2; }
	@echo "== making $(VENV)"
	$(PYTHON) -m venv $(VENV)
	@echo "== installing torch (190 MB as a CPU build)"
	$(PIP) install --quiet --progress-bar off torch==2.13.0
	@echo "== installing hyle, JAX, RDKit, ASE (170 MB)"
	$(PIP) install --quiet --progress-bar off -c constraints.txt -e ".[zoo]"
	@touch $@

$(VENV)/models: $(VENV)/base $(wildcard zoo/cards/*.toml)
	@echo "== installing what the models need (150 MB)"
	$(BIN)/hyle models --requirements > $(VENV)/requirements.sh
	PIP_CONSTRAINT=constraints.txt PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1 sh -e $(VENV)/requirements.sh
	@touch $@

$(VENV)/dev: $(VENV)/base
	@echo "== installing the test tools (65 MB)"
	$(PIP) install --quiet --progress-bar off -c constraints.txt -e ".[zoo,train,dev]"
	@touch $@
