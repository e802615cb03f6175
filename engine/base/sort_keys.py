"""Floats and their indices as integers in the same order, whose sort is the fastest that NumPy has."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def use_numpy(x: Any) -> bool:
    """Tell whether NumPy is the faster one to sort numbers with: float32 on a CPU, outside of `jax.jit`."""
    return not isinstance(x, jax.core.Tracer) and jax.default_backend() == "cpu" and x.dtype == np.float32


def pack_sort_keys(values: Any, index: Any) -> np.ndarray:
    """Make int64 of float32 numbers and their indices: in the order of the numbers, ties to the lowest index.

    Args:
        values: float32 [...], no NaN.
        index: int [...], from 0 to 2^31 - 1.
    """
    bits = np.asarray(values + np.float32(0)).view(np.int32).astype(np.int64)  # -0 becomes 0, which it equals
    return _monotone_bits(bits) << 32 | index


def unpack_sort_keys(sorted_keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the float32 numbers and the int32 indices of which keys were made."""
    bits = _monotone_bits(sorted_keys >> 32).astype(np.int32)
    return bits.view(np.float32), (sorted_keys & 0x7FFFFFFF).astype(np.int32)


def _monotone_bits(bits: np.ndarray) -> np.ndarray:
    return bits ^ (bits >> 63 & 0x7FFFFFFF)  # those of negative numbers are in reverse order
