from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
import pytest


@pytest.fixture
def float64() -> Iterator[None]:
    """Enable double precision for one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return the left and the right half of scikit-learn's 1,797 digits, [1797, 32] each."""
    image = pytest.importorskip("sklearn.datasets").load_digits().data.reshape(-1, 8, 8)
    return image[:, :, :4].reshape(-1, 32), image[:, :, 4:].reshape(-1, 32)


@pytest.fixture(scope="module", autouse=True)
def _drop_compiled_programs() -> Iterator[None]:
    """Free compiled programs after each module.

    Linux allows a process 65,530 memory maps, and XLA uses about fifty per program: all tests together exceed that.
    """
    yield
    jax.clear_caches()
