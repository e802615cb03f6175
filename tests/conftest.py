"""What all tests share: models that were registered on this machine are not those of the tests."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

_FOLDER = pytest.StashKey[str]()


def pytest_configure(config):
    # Before tests are collected, some of which are one a model; and so that commands that a test starts see it too.
    config.stash[_FOLDER] = os.environ["HYLE_MODELS"] = tempfile.mkdtemp(prefix="hyle-models-")


def pytest_unconfigure(config):
    shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)
