"""Setup of all tests: the cache of compiled JAX programs, the number of threads, and a folder for registered models."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Set before JAX is imported anywhere; commands that run as subprocesses inherit these variables.
_SETTINGS = {
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parents[1] / ".pytest_cache" / "compiled"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    # Commands bound their cache by the times of use, which the processes of the tests do not write.
    "JAX_COMPILATION_CACHE_MAX_SIZE": "-1",
    # Most of the time is spent on compilation: much of it on optimising machine code, half of the rest on the emitters
    # of fused loops. `make thorough` has tests with both.
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false",
    # As in the command line: threads that spin while they wait take the cores of the other test process.
    "OMP_WAIT_POLICY": "passive",
}
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    _share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    _SETTINGS["OMP_NUM_THREADS"] = str(max(1, _share))
for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)

_FOLDER = pytest.StashKey[str]()


def pytest_configure(config):
    # Set before collection, because some tests are parametrised by model, and models registered by the user of this
    # machine must not be among them.
    config.stash[_FOLDER] = os.environ["HYLE_MODELS"] = tempfile.mkdtemp(prefix="hyle-models-")


def pytest_unconfigure(config):
    shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def _models_of_this_module(tmp_path_factory):
    """A model that one module registers, and a broken card that it leaves, is none of the others' business."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYLE_MODELS", str(tmp_path_factory.mktemp("models")))
        yield
