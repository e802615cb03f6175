"""Validation and preprocessing of representations, and iteration over their rows in blocks."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .arrays import as_array
from .errors import InputError, InputTypeError
from .namespace import namespace

HIGHEST = jax.lax.Precision.HIGHEST
# Maximum elements of the largest intermediate array of one block of rows: 64 MiB in float32.
BLOCK_ELEMENTS = 2**24
# Elements that NumPy compares at once.
CHUNK = 2**20


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
        return _as_float32(array)
    return _as_float32(array) if array.dtype.itemsize < 4 else array


def _as_float32(array: jax.Array) -> jax.Array:
    if isinstance(array, jax.core.Tracer) or jax.default_backend() != "cpu":
        return array.astype(jnp.float32)
    return jax.device_put(np.asarray(array).astype(np.float32))  # JAX would compile a program for the shape


def pair(
    x: Any, y: Any, *, least: int, names: tuple[str, str] = ("x", "y"), warn: bool = False
) -> tuple[jax.Array, jax.Array]:
    """Return two representations of the same samples as floating matrices [n, d1] and [n, d2].

    Args:
        x: [n, d1]; see `matrix`.
        y: [n, d2].
        least: smallest n allowed.
        names: of the arguments, for error messages.
        warn: whether to warn of representations without a score, see `warn_of_undefined`.

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
    if warn:
        warn_of_undefined(**dict(zip(names, (a, b), strict=True)))
    return a, b


def warn_of_undefined(**representations: jax.Array) -> None:
    """Warn once, outside of JAX transformations, of representations that have no scores, which are NaN.

    Args:
        representations: floating [n, d] each, by the name of the argument.

    Warns:
        UserWarning: names those whose rows are all equal, and those with values that are not finite.
    """
    if any(isinstance(x, jax.core.Tracer) for x in representations.values()):
        return
    constant, infinite = [], []
    for name, x in representations.items():
        on_cpu = all(device.platform == "cpu" for device in x.devices())
        rows: Any = np.asarray(x) if on_cpu else x  # JAX would compile a program for the shape
        if not bool(namespace(rows).isfinite(rows).all()):
            infinite.append(name)
        elif is_constant(rows):
            constant.append(name)
    if constant:
        subject = " and ".join(constant) + (" are constant" if len(constant) > 1 else " is constant")
        message = f"{subject}: all rows are equal, so that the score is not defined (NaN)"
        warnings.warn(message, UserWarning, stacklevel=_level_of_caller())
    if infinite:
        message = (
            f"{' and '.join(infinite)}: some values are NaN or infinite, and so the score is NaN; remove these rows"
        )
        warnings.warn(message, UserWarning, stacklevel=_level_of_caller())


def warn_of_nothing_left(**representations: jax.Array) -> None:
    """Warn of representations whose kernel is 0 after centring, up to rounding errors; see `warn_of_undefined`.

    Args:
        representations: floating [n, d] each, by the name of the argument. Those whose rows are all equal are known.

    Warns:
        UserWarning: names the others.
    """
    names = [name for name, x in representations.items() if not is_constant(np.asarray(x))]
    if names:
        message = (
            f"{' and '.join(names)}: nothing is left of the kernel after centring but rounding errors, as where all "
            "distances between rows are equal, so that the score is not defined (NaN)"
        )
        warnings.warn(message, UserWarning, stacklevel=_level_of_caller())


def is_constant(rows: Any) -> bool:
    """Return whether all rows [n, d] are equal."""
    return bool((rows[0] == rows[-1]).all() and (rows == rows[0]).all())


def constant_columns(rows: np.ndarray) -> np.ndarray:
    """Return the mask of the columns of rows [n, d] whose entries are all equal, bool [d]."""
    constant: np.ndarray = (rows[[0]] == rows[[len(rows) // 2, -1]]).all(0)
    for start in range(0, len(rows), size := max(1, CHUNK // rows.shape[1])):
        if not constant.any():
            break
        constant[constant] = (rows[start : start + size, constant] == rows[0, constant]).all(0)
    return constant


def is_constant_but_for_one(rows: Any) -> Any:
    """Return whether all rows [n, d], in JAX or NumPy, are equal, or all but one: a bool scalar."""
    first, second, third = (rows[min(at, len(rows) - 1)] for at in range(3))
    same = (second == third).all()
    if isinstance(rows, np.ndarray) and not (same or (first == second).all() or (first == third).all()):
        return np.False_
    return (rows != namespace(rows).where(same, second, first)).any(1).sum() <= 1


def _level_of_caller() -> int:
    """Return the ``stacklevel`` at which a warning of the caller of this function names the code that called hyle."""
    package, level = __name__.rpartition(".base")[0], 1
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(package):
        frame, level = frame.f_back, level + 1
    return level


def check_k(k: int, n: int, least: int = 1, name: str = "k") -> None:
    """Raise ValueError unless least <= k <= n - 1."""
    if not least <= k <= n - 1:
        raise InputError(f"{name}={k} neighbours are not possible with {n} samples: use {name} from {least} to {n - 1}")


def centred(x: Any) -> tuple[Any, Any]:
    """Subtract the column means and divide by a power of two, so that neither offset nor scale costs precision.

    Returns:
        The rows, with the largest absolute entry in [0.5, 1), and the exponent of the power of two. Rows that are all
        equal become exactly 0, which the rounding error of their mean would prevent; the exponent is that of the input.
    """
    mean = partial(np.mean, dtype=np.float64) if isinstance(x, np.ndarray) else jnp.mean
    rows = x - mean(x, axis=0).astype(x.dtype)
    rows = rows - mean(rows, axis=0).astype(x.dtype)  # twice: the mean far from the origin has itself a rounding error
    if isinstance(x, np.ndarray):
        constant = is_constant(x)
        exponent = power_of_two(x if constant else rows)
        return np.zeros_like(x) if constant else ldexp(rows, -exponent), exponent
    constant = (x == x[0]).all()
    exponent = power_of_two(jnp.where(constant, x, rows))
    return ldexp(jnp.where(constant, 0, rows), -exponent), exponent


def power_of_two(x: Any) -> Any:
    """Return the int32 exponent e for which the largest absolute entry of x / 2^e is in [0.5, 1).

    1 if all entries are 0 or the largest is not finite. Constant under differentiation.
    """
    if isinstance(x, np.ndarray):
        largest = np.abs(x).max()
        return np.frexp(largest if largest > 0 and np.isfinite(largest) else x.dtype.type(1))[1]
    largest = jax.lax.stop_gradient(jnp.abs(x).max())
    return jnp.frexp(jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1.0))[1]


def ldexp(x: Any, exponent: Any) -> Any:
    """Multiply by a power of two, in a tenth of the time of `jnp.ldexp` on a CPU; x within the range of the dtype."""
    xp = namespace(x, exponent)
    half = exponent // 2  # 2^exponent itself may be out of the range of the dtype
    one = xp.ones((), x.dtype)
    return x * xp.ldexp(one, half) * xp.ldexp(one, exponent - half)


def unit(x: Any) -> Any:
    """Scale each row to unit length; a zero row stays zero."""
    xp = namespace(x)
    largest = xp.abs(x).max(1, keepdims=True)
    x = x / xp.where(largest > 0, largest, 1)  # squares of tiny or huge rows would be out of the range of float32
    square = (x * x).sum(1, keepdims=True)
    square = xp.where(square > 0, square, 1)
    return x / np.sqrt(square) if xp is np else x * jax.lax.rsqrt(square)


def root(x: Any) -> Any:
    """Compute the square root; its derivative at 0, which is infinite, is taken as 0."""
    xp = namespace(x)
    return np.sqrt(x) if xp is np else xp.where(x == 0, 0, xp.sqrt(xp.where(x == 0, 1, x)))


def gaussian(squares: Any, sigma: Any) -> Any:
    """Compute the RBF kernel exp(-d^2 / 2 sigma^2) of squared distances."""
    xp = namespace(squares, sigma)
    if xp is np:
        with np.errstate(over="ignore"):
            return np.exp(reduce(np.multiply, exponent_factors(sigma), squares))
    inverse = 1 / sigma  # whose square may be out of the range of the dtype
    return xp.exp(squares * inverse * (-0.5 * inverse))


def exponent_factors(sigma: Any) -> tuple[Any, ...]:
    """Return the factors by which a squared distance becomes the exponent of `gaussian`, one after the other, in NumPy.

    It is one, unless 1 / sigma^2 is out of the range of the dtype: then two, since the exponent of equal rows is 0, and
    not 0 times infinity.
    """
    with np.errstate(all="ignore"):
        inverse = 1 / sigma
        whole = -0.5 * inverse * inverse
    return (whole,) if np.isfinite(whole) else (inverse, -0.5 * inverse)


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


def pad_width(d: int) -> int:
    """Return the width, one of few, to which d columns are padded with zeros, so that few programs are compiled."""
    return max(64, 2 ** (d - 1).bit_length()) if d <= 512 else -(-d // 512) * 512


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
