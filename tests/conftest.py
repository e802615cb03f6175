"""What all tests share: programs that JAX compiled, the cores, and a folder for models that are registered."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Before JAX is imported anywhere; commands that are run as processes of their own take part in it.
_SETTINGS = {
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parents[1] / ".pytest_cache" / "compiled"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    # Most of the time goes into compiling, much of that into making machine code fast, which `make thorough` does.
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
    # As the command line sets it: threads that spin while they wait take the cores of the other process.
    "OMP_WAIT_POLICY": "passive",
}
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    _share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    _SETTINGS["OMP_NUM_THREADS"] = str(max(1, _share))
for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)

_FOLDER = pytest.StashKey[str]()


def pytest_configure(config):
    # Before tests are collected, some of which are one a model: those registered on this machine are not the tests'.
    config.stash[_FOLDER] = os.environ["HYLE_MODELS"] = tempfile.mkdtemp(prefix="hyle-models-")


def pytest_unconfigure(config):
    shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)
