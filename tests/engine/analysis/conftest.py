"""Libraries that are compared with."""

from __future__ import annotations

from typing import Any

import jax
import pytest


@pytest.fixture(scope="session")
def skbio() -> Any:
    """scikit-bio, which enables 64-bit JAX for the whole process when it is imported."""
    before = jax.config.read("jax_enable_x64")
    import skbio.stats.distance
    import skbio.tree

    jax.config.update("jax_enable_x64", before)
    return skbio
