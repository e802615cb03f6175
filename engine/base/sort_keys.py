"""Floats packed with their indices into integers of the same order, which NumPy sorts fastest."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def use_numpy(x: Any) -> bool:
    """Return whether NumPy sorts these numbers faster than XLA: float32 on a CPU, outside of `jax.jit`."""
    return not isinstance(x, jax.core.Tracer) and jax.default_backend() == "cpu" and x.dtype == np.float32


def on_host(*arrays: Any) -> tuple[Any, ...]:
    """Return the arrays as NumPy arrays, which share their memory, if `use_numpy` holds for all, else unchanged."""
    return tuple(map(np.asarray, arrays)) if all(use_numpy(array) for array in arrays) else arrays


def scalar(value: Any, dtype: Any) -> jax.Array:
    """Return a JAX scalar; one of NumPy is moved without a program, which `jnp.asarray` would compile."""
    if isinstance(value, np.ndarray | np.generic | float):
        return jax.device_put(np.asarray(value, dtype))
    return jnp.asarray(value, dtype)


def pack_sort_keys(values: Any, index: Any) -> np.ndarray:
    """Pack float32 values and their indices into int64 keys that sort by value, ties broken by the lowest index.

    Args:
        values: float32 [...], no NaN.
        index: int [...], from 0 to 2^31 - 1.

    Returns:
        int64 [...]; `unpack_sort_keys` is the inverse.
    """
    bits = np.asarray(values + np.float32(0)).view(np.int32)  # -0.0 becomes 0.0, which it equals
    keys = _monotone_bits(bits).astype(np.int64)
    keys <<= 32
    return keys | index


def unpack_sort_keys(sorted_keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the float32 values and the int32 indices that `pack_sort_keys` packed."""
    bits = _monotone_bits((sorted_keys >> 32).astype(np.int32))
    return bits.view(np.float32), sorted_keys.astype(np.int32)  # the lower half


def _monotone_bits(bits: np.ndarray) -> np.ndarray:
    return bits ^ (bits >> 31 & 0x7FFFFFFF)  # the bits of negative floats are in reverse order
