# The two commands: `make run` compares real models on real molecules, `make test` checks the code and runs the tests.
# `make thorough` also runs further forms of existing tests, and compiles JAX programs with full optimisation.
# `make study` repeats the study on the models that run from packages, and writes docs/study.
# `make bench` measures the engine and its peers; BENCH=--quick is faster.
# All of them create the virtual environment .venv first; PYTHON=python3.12 selects another Python.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# All tests of a module run in the same process, so that what they compile and load is shared.
WORKERS := -n 2 --dist loadscope

.DELETE_ON_ERROR:
.PHONY: run study test thorough processors pythons engine check unit bench install clean

run: $(VENV)/models
	$(BIN)/hyle run

# This takes more than an hour. Embeddings are stored, so that the same command continues after an interruption.
study: $(VENV)/dev $(VENV)/models
	$(BIN)/hyle study -o docs/study

test: check unit

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p $(VENV)/types/hyle
	@for path in engine zoo cli hyle/*.py hyle/py.typed; do ln -sfn "$(CURDIR)/$$path" $(VENV)/types/hyle/; done
	cd $(VENV)/types && ../bin/lint-imports --no-logo --no-cache "$(CURDIR)/pyproject.toml"
	MYPYPATH=$(VENV)/types $(BIN)/mypy -p hyle

unit: $(VENV)/dev $(VENV)/models
	$(BIN)/pytest $(WORKERS) -m "not models and not thorough"
	$(BIN)/pytest $(WORKERS) -m "models and not thorough"

thorough: check unit $(VENV)/hardware $(VENV)/ray $(VENV)/chemiscope
	XLA_FLAGS= $(BIN)/pytest $(WORKERS) -m thorough
	$(MAKE) processors pythons

# Compilers for NVIDIA GPUs and TPUs, which need neither a driver nor a device; there are none for macOS.
$(VENV)/hardware: $(VENV)/dev
	@if [ "`uname -sm`" = "Linux x86_64" ]; then \
		echo "== installing the compilers for GPUs and TPUs (320 MB)"; \
		jaxlib=`$(BIN)/python -c 'import jaxlib; print(jaxlib.__version__)'`; \
		$(PIP) install --quiet --no-deps --upgrade --target $(VENV)/cuda jax-cuda12-plugin==$$jaxlib jax-cuda12-pjrt==$$jaxlib \
			&& $(PIP) install --quiet --no-deps --upgrade --target $(VENV)/tpu libtpu==0.0.52 || exit 1; \
	fi
	@touch $@

# Ray (90 MB), for the tests of `hyle embed --ray`, which are skipped without it; there are no wheels for some platforms.
$(VENV)/ray: $(VENV)/dev
	@echo "== installing Ray (90 MB)"
	$(PIP) install --quiet --progress-bar off -c constraints.txt -e ".[ray]" || echo "Ray could not be installed"
	@touch $@

# Chemiscope, for tests that compare what it writes, and open files in it in a browser.
$(VENV)/chemiscope: $(VENV)/dev
	@echo "== installing chemiscope (10 MB)"
	$(PIP) install --quiet --progress-bar off -c constraints.txt chemiscope==1.1.0
	@touch $@

# The engine's tests as other processors compute: NumPy's products by kernels of older processors, XLA without AVX-512.
# OPENBLAS_CORETYPE is without effect where NumPy is built with another BLAS (on macOS).
ENGINE := $(BIN)/pytest $(WORKERS) -m "not models and not thorough" tests/engine

processors: $(VENV)/dev
	OPENBLAS_CORETYPE=Prescott $(ENGINE)
	OPENBLAS_CORETYPE=Haswell $(ENGINE)
	XLA_FLAGS="--xla_backend_optimization_level=0 --xla_cpu_max_isa=AVX2" $(ENGINE)

# The engine's tests with each Python on the PATH, each in a separate environment, .venv-3.12 and so on, without torch.
pythons:
	@for version in 3.11 3.12 3.13 3.14; do \
		command -v python$$version > /dev/null || { echo "== python$$version is not here: not tried"; continue; }; \
		$(MAKE) PYTHON=python$$version VENV=.venv-$$version engine || exit 1; \
	done

engine: $(VENV)/engine
	$(ENGINE)

$(VENV)/engine: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --progress-bar off -c constraints.txt -e ".[train,dev]"
	@touch $@

bench: $(VENV)/base
	$(BIN)/python -m bench $(BENCH)

install: $(VENV)/dev $(VENV)/models
	@echo 'installed; to use hyle: source $(BIN)/activate && hyle --help'

clean:
	rm -rf $(VENV) .venv-3.* bench/.envs bench/.inputs build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch is installed first and by its exact version: a range may select a build with gigabytes of CUDA libraries.
$(VENV)/base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "hyle needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) --version`. Try: make PYTHON=python3.12"; exit 2; }
	@echo "== creating $(VENV)"
	$(PYTHON) -m venv $(VENV)
	@echo "== installing torch (190 MB as a CPU build)"
	$(PIP) install --quiet --progress-bar off torch==2.13.0
	@echo "== installing hyle, JAX, RDKit, ASE (205 MB)"
	$(PIP) install --quiet --progress-bar off -c constraints.txt -e ".[zoo,study]"
	@touch $@

$(VENV)/models: $(VENV)/base $(wildcard zoo/cards/*.toml)
	@echo "== installing the libraries of the models (140 MB)"
	$(BIN)/hyle models --requirements > $(VENV)/requirements.sh
	PIP_CONSTRAINT=constraints.txt PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1 sh -e $(VENV)/requirements.sh
	@touch $@

$(VENV)/dev: $(VENV)/base
	@echo "== installing the test tools (30 MB)"
	$(PIP) install --quiet --progress-bar off -c constraints.txt -e ".[zoo,train,dev]"
	@touch $@
