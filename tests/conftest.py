"""What all tests share: programs that JAX compiled, and a folder for models that are registered."""

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
}
for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)

_FOLDER = pytest.StashKey[str]()


def pytest_configure(config):
    # Before tests are collected, some of which are one a model: those registered on this machine are not the tests'.
    config.stash[_FOLDER] = os.environ["HYLE_MODELS"] = tempfile.mkdtemp(prefix="hyle-models-")


def pytest_unconfigure(config):
    shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)
