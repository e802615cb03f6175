"""The module, NumPy or `jax.numpy`, that computes with given arrays."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np


def namespace(*arrays: Any) -> Any:
    """Return NumPy if all arrays are NumPy arrays or scalars, else `jax.numpy`.

    A comparison on a CPU computes with NumPy arrays, for which nothing is traced and compiled: a program takes longer
    to compile than many samples to compare. Functions that use this module serve both, with one formula.

    Example:
        >>> namespace(np.ones(3)).__name__, namespace(np.ones(3), jnp.ones(3)).__name__
        ('numpy', 'jax.numpy')
    """
    return np if all(isinstance(array, np.ndarray | np.generic) for array in arrays) else jnp
