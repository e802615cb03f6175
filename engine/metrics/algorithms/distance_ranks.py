"""Ranks of distances, and distances themselves, as vectors whose inner product is a correlation."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...base import pack_sort_keys, unpack_sort_keys
from .pair_distances import Distance, once, shifts


def ranked(far: Any) -> Any:
    """Compute the ranks of all distances, scaled to mean 0 and norm 1; ties get their mean rank.

    Args:
        far: floating [n // 2, n], see `squared_distances`.

    Returns:
        The same shape, 0 for the second occurrence of a pair; NaN if all distances are equal. Cost O(n^2 log n).
    """
    if on_device(far):
        return _ranks(far)
    n = far.shape[1]
    return _host_ranks(np.asarray(far), n * (n - 1) // 2).reshape(far.shape)


@partial(jax.jit, static_argnames=("distance",))
def standardised(far: jax.Array, distance: Distance) -> jax.Array:
    """Return what `ranked` does of the distances instead of their ranks. Cost O(n^2)."""
    n = far.shape[1]
    pairs, keep = n * (n - 1) // 2, once(shifts(n), n)
    values = jnp.where(keep, jnp.sqrt(far) if distance == "euclidean" else far, 0)
    mean = values.sum(1).sum() / pairs
    values = jnp.where(keep, values - mean, 0)
    values = jnp.where(keep, values - values.sum(1).sum() / pairs, 0)
    # Distances that are all equal differ only by rounding.
    noise = (4 * jnp.finfo(far.dtype).eps * mean) ** 2 * pairs
    return _unit_length(jnp.where((values**2).sum(1).sum() > noise, values, 0))


def on_device(far: Any) -> bool:
    """Return whether these distances are sorted by XLA: in `jax.jit`, or on an accelerator."""
    return isinstance(far, jax.core.Tracer) or jax.default_backend() != "cpu"


def sort_pairs(far: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances of each pair once in ascending order, and their positions in ``far.ravel()``.

    NumPy sorts many times faster than XLA on a CPU.
    """
    n = far.shape[1]
    flat = far.reshape(-1)[: n * (n - 1) // 2]
    if flat.dtype == np.float32:
        return unpack_sort_keys(np.sort(pack_sort_keys(flat, np.arange(flat.size))))
    order = np.argsort(flat)
    return flat[order], order


@jax.jit
def _ranks(far: jax.Array) -> jax.Array:
    shape, dtype = far.shape, far.dtype
    pairs = shape[1] * (shape[1] - 1) // 2
    position = jnp.arange(far.size, dtype=jnp.int32)
    far, order = jax.lax.sort((far.reshape(-1), position), num_keys=1)
    new = jnp.concatenate([jnp.ones(1, bool), far[1:] != far[:-1]])
    first = jax.lax.cummax(jnp.where(new, position, 0))
    last = jax.lax.cummin(jnp.where(jnp.roll(new, -1), position, far.size), reverse=True)
    # Twice the rank is an integer; beyond 2^24, float32 does not represent all integers.
    twice = jnp.where(position < pairs, first + last - (pairs - 1), 0)
    twice = jnp.zeros_like(twice).at[order].set(twice, unique_indices=True)
    return _unit_length(twice.reshape(shape).astype(dtype) / pairs)


def _unit_length(values: jax.Array) -> jax.Array:
    square = (values * values).sum(1).sum()  # row sums first, since one long sum in float32 loses digits
    return jnp.where(square > 0, values / jnp.sqrt(jnp.where(square > 0, square, 1)), jnp.nan)


def _host_ranks(far: np.ndarray, pairs: int) -> np.ndarray:
    values, order = sort_pairs(far)
    first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    end = np.append(first[1:], pairs)
    twice = np.zeros(far.size, far.dtype)
    twice[order] = np.repeat((first + end - pairs) / pairs, end - first)
    length = np.linalg.norm(twice.astype(np.float64))
    return (twice / length if length > 0 else np.full_like(twice, np.nan)).astype(far.dtype)
