"""Validation and preprocessing of representations, and iteration over their rows in blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .arrays import as_array
from .errors import InputError, InputTypeError

HIGHEST = jax.lax.Precision.HIGHEST
# Maximum elements of the largest intermediate array of one block of rows: 64 MiB in float32.
BLOCK_ELEMENTS = 2**24


def matrix(x: Any, name: str = "x") -> jax.Array:
    """Return a representation as a floating matrix [n, d]; 8-bit and 16-bit floats and integers become float32.

    Args:
        x: [n, d], real numbers; see `as_array`.
        name: of the argument, for error messages.

    Raises:
        ValueError: not two-dimensional, or no columns.
        TypeError: not real numbers.
    """
    array = as_array(x)
    if array.ndim != 2 or not array.shape[1]:
        raise InputError(f"{name} must be a matrix [n, d]; got shape {array.shape}")
    if not jnp.issubdtype(array.dtype, jnp.floating):
        if jnp.issubdtype(array.dtype, jnp.complexfloating):
            raise InputTypeError(f"{name} must contain real numbers; got dtype {array.dtype}")
        return array.astype(jnp.float32)
    return array.astype(jnp.float32) if array.dtype.itemsize < 4 else array


def pair(x: Any, y: Any, *, least: int, names: tuple[str, str] = ("x", "y")) -> tuple[jax.Array, jax.Array]:
    """Return two representations of the same samples as floating matrices [n, d1] and [n, d2].

    Args:
        x: [n, d1]; see `matrix`.
        y: [n, d2].
        least: smallest n allowed.
        names: of the arguments, for error messages.

    Raises:
        ValueError: different numbers of rows, or fewer than ``least``.
        TypeError: not real numbers.
    """
    a, b = (matrix(value, name) for value, name in zip((x, y), names, strict=True))
    if len(a) != len(b):
        raise InputError(
            f"{names[0]} has {len(a)} rows and {names[1]} has {len(b)}: row i of both must be the same sample; "
            "compare() joins representations by id"
        )
    if len(a) < least:
        raise InputError(f"at least {least} samples are needed; got {len(a)}")
    return a, b


def check_k(k: int, n: int, least: int = 1, name: str = "k") -> None:
    """Raise ValueError unless least <= k <= n - 1."""
    if not least <= k <= n - 1:
        raise InputError(f"{name}={k} neighbours are not possible with {n} samples: use {name} from {least} to {n - 1}")


def centred(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Subtract the column means and divide by a power of two, so that neither offset nor scale costs precision.

    Returns:
        The rows, with the largest absolute entry in [0.5, 1), and the exponent of the power of two.
    """
    x = x - x.mean(0)
    x = x - x.mean(0)  # twice: the mean of data far from the origin has itself a rounding error
    exponent = power_of_two(x)
    return ldexp(x, -exponent), exponent


def power_of_two(x: jax.Array) -> jax.Array:
    """Return the int32 exponent e for which the largest absolute entry of x / 2^e is in [0.5, 1).

    1 if all entries are 0 or the largest is not finite. Constant under differentiation.
    """
    largest = jax.lax.stop_gradient(jnp.abs(x).max())
    return jnp.frexp(jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1.0))[1]


def ldexp(x: jax.Array, exponent: jax.Array) -> jax.Array:
    """Multiply by a power of two, in a tenth of the time of `jnp.ldexp` on a CPU; x within the range of the dtype."""
    half = exponent // 2  # 2^exponent itself may be out of the range of the dtype
    one = jnp.ones((), x.dtype)
    return x * jnp.ldexp(one, half) * jnp.ldexp(one, exponent - half)


def unit(x: jax.Array) -> jax.Array:
    """Scale each row to unit length; a zero row stays zero."""
    largest = jnp.abs(x).max(1, keepdims=True)
    x = x / jnp.where(largest > 0, largest, 1)  # squares of tiny or huge rows would be out of the range of float32
    square = (x * x).sum(1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.where(square > 0, square, 1))


def root(x: jax.Array) -> jax.Array:
    """Compute the square root; its derivative at 0, which is infinite, is taken as 0."""
    return jnp.where(x == 0, 0, jnp.sqrt(jnp.where(x == 0, 1, x)))


def gaussian(squares: jax.Array, sigma: jax.Array) -> jax.Array:
    """Compute the RBF kernel exp(-d^2 / 2 sigma^2) of squared distances."""
    return jnp.exp(squares * (-0.5 / sigma**2))


def block_size(n: int, width: int, most: int | None = None) -> int:
    """Return the number of rows of a block that keeps its largest intermediate array within `BLOCK_ELEMENTS`.

    Args:
        n: rows in total.
        width: elements of the intermediate array per row.
        most: a limit below `BLOCK_ELEMENTS`.

    Returns:
        At least 1 and at most n; the n rows are divided into blocks of about equal size.
    """
    limit = BLOCK_ELEMENTS if most is None else min(most, BLOCK_ELEMENTS)
    blocks = -(-n // max(1, min(n, limit // max(width, 1))))
    return -(-n // blocks)


def blocks(n: int, size: int) -> jax.Array:
    """Return row indices int32 [blocks, size]; the last block may run past n - 1, which callers mask or cut off."""
    count = -(-n // size)
    return jnp.arange(count * size, dtype=jnp.int32).reshape(count, size)


def each_row(function: Callable[..., Any], *rows: Any) -> Any:
    """Apply a function of one row to every row of arrays with the same leading axis.

    On the CPU rows are processed one after the other, so that the intermediates of a row stay in the cache: several
    times faster there than whole blocks, which go through memory. Elsewhere all rows are processed at once.

    Args:
        function: of one row of each array.
        rows: arrays [b, ...].

    Returns:
        The results, stacked along a leading axis.
    """
    if jax.default_backend() == "cpu":
        return jax.lax.map(lambda row: function(*row), rows)
    return jax.vmap(function)(*rows)
