"""Values that are not finite: they must show in a result, and neither a maximum nor a mask may hide them.

On a CPU, the maximum and the minimum of XLA lose NaN from 4,096 elements on: ``jnp.max(jnp.full((64, 64), jnp.nan))``
is -inf with JAX 0.10 and 0.11. `jnp.isfinite(x).all()` and sums keep it. Therefore a function of arrays in which NaN
must show asks for it separately, with `nan_unless_finite`, and takes maxima with `largest_magnitude`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def nan_unless_finite(*arrays: jax.Array) -> jax.Array:
    """Return 1 if all entries of all arrays are finite, else NaN, as a factor for a result.

    Args:
        arrays: floating, of any shape.

    Returns:
        Scalar, in the common dtype of the arrays, constant under differentiation.

    Multiply by it instead of masking the result: ``jnp.where(finite, result, jnp.nan)`` has a gradient of zeros, and
    an optimiser that gets one goes on as if nothing were wrong. Multiplied at the input, the gradient is NaN as well.
    """
    finite = jnp.stack([jnp.isfinite(array).all() for array in arrays]).all()
    return jnp.where(finite, jnp.ones((), jnp.result_type(*arrays)), jnp.nan)


def largest_magnitude(x: jax.Array, axis: int | None = None, *, keepdims: bool = False) -> jax.Array:
    """Return the largest absolute value along an axis, NaN if there is one; constant under differentiation.

    Args:
        x: floating array.
        axis: the axis to reduce; default all.
        keepdims: whether to keep the axis with length 1.
    """
    x = jax.lax.stop_gradient(x)
    largest = jnp.abs(x).max(axis, keepdims=keepdims)
    return jnp.where(jnp.isnan(x).any(axis, keepdims=keepdims), jnp.nan, largest)
