"""Gram products of less than full precision, for accelerators that multiply short numbers faster."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

from ..base import HIGHEST, InputError

Precision = Literal["highest", "tf32x3", "bf16x3"]
# Error of a product relative to the norms of its two rows, beyond that of float32. Each number is the sum of two short
# ones, cut after so many bits of the mantissa; what is cut from the second is lost, and the product of the second ones.
BITS = {"tf32x3": 10, "bf16x3": 7}
PRODUCT_ERROR = {"highest": 0.0} | {name: 3 * 4.0**-bits for name, bits in BITS.items()}
PRESETS = {
    "tf32x3": jax.lax.DotAlgorithmPreset.TF32_TF32_F32_X3,
    "bf16x3": jax.lax.DotAlgorithmPreset.BF16_BF16_F32_X3,
}


def check_precision(precision: str, platform: str, dtype: str) -> None:
    """Check that a device has a precision.

    Args:
        precision: see `Precision`.
        platform: of the device, such as ``gpu``.
        dtype: of the representations.

    Raises:
        ValueError: an unknown precision, TF32 on a TPU, or numbers that are not float32.
    """
    if precision not in PRODUCT_ERROR:
        raise InputError(f"unknown precision {precision!r}: use {', '.join(PRODUCT_ERROR)}")
    if precision == "tf32x3" and platform == "tpu":
        raise InputError("precision='tf32x3' is for GPUs: a TPU has 'bf16x3'")
    if precision != "highest" and dtype != "float32":
        raise InputError(f"precision={precision!r} is for float32, and the representations are {dtype}: omit it")


def product_error(gram_rtol: jax.Array, precision: Precision) -> jax.Array:
    """Return the bound of the error of an entry of the Gram product at some precision; see `Norms.gram_rtol`."""
    return gram_rtol if precision == "highest" else 2 * gram_rtol + PRODUCT_ERROR[precision]


def multiplied(left: jax.Array, right: jax.Array, precision: Precision) -> jax.Array:
    """Compute the inner products [b, n] of rows [b, d] with rows [n, d].

    ``highest`` is that of float32. The others are three products of numbers of 8 or 11 bits with sums in float32. A CPU
    has neither, and computes what they would, in more time.
    """
    if precision == "highest":
        return jnp.matmul(left, right.T, precision=HIGHEST)
    if jax.default_backend() != "cpu":
        return jnp.matmul(left, right.T, precision=PRESETS[precision])
    (a, b), (c, d) = (_split(rows, BITS[precision]) for rows in (left, right))
    both = jnp.matmul(a, d.T, precision=HIGHEST) + jnp.matmul(b, c.T, precision=HIGHEST)
    return jnp.matmul(a, c.T, precision=HIGHEST) + both


def _split(rows: jax.Array, bits: int) -> tuple[jax.Array, jax.Array]:
    """Return two arrays whose entries have so many bits of the mantissa, and whose sum is nearly the rows."""
    first = jax.lax.reduce_precision(rows, 8, bits)
    return first, jax.lax.reduce_precision(rows - first, 8, bits)
