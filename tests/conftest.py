"""What all tests share: models that were registered on this machine are not those of the tests."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def _no_registered_models(tmp_path_factory):
    # In the environment, so that commands that a test starts see it too.
    before = os.environ.get("HYLE_MODELS")
    os.environ["HYLE_MODELS"] = str(tmp_path_factory.mktemp("models"))
    yield
    os.environ.pop("HYLE_MODELS")
    if before is not None:
        os.environ["HYLE_MODELS"] = before
