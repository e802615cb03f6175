"""The smallest values of every row on an accelerator, where selecting many of them at once sorts whole rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp

# XLA selects at most so many of each row without sorting it on a GPU.
FAST = 16
# Number of groups of columns among which candidates are selected. Of 56 nearest rows in any order, more than 16 are in
# one of 16 groups with a probability of 2e-6.
GROUPS = 16


def in_groups(n: int, count: int) -> bool:
    """Return whether `smallest_in_groups` is to select so many of n columns: not on a CPU, which has a faster way."""
    return jax.default_backend() != "cpu" and count > FAST and n >= 2 * FAST * GROUPS


def smallest_in_groups(values: jax.Array, count: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Select candidates for the smallest values of every row: the `FAST` smallest in each of `GROUPS` groups.

    Args:
        values: [b, n].
        count: number of values to return, at most `FAST` `GROUPS`.

    Returns:
        The smallest of the candidates [b, count], ascending, ties broken by the lowest index; their int32 columns
        [b, count]; and for each row a lower bound [b] of all values that were not returned.

    Column j is in group j modulo `GROUPS`, so that similar samples that follow each other are in different groups. The
    values returned are the smallest of the row, unless more than `FAST` of these are in one group: where the largest
    of them reaches the bound, a value that is missing may be as small.
    """
    b, n = values.shape
    size = -(-n // GROUPS)
    padded = jnp.pad(values, ((0, 0), (0, size * GROUPS - n)), constant_values=jnp.inf)
    negative, at = jax.lax.top_k(-padded.reshape(b, size, GROUPS).swapaxes(1, 2), FAST)
    column = at * GROUPS + jnp.arange(GROUPS, dtype=jnp.int32)[:, None]
    low, index = jax.lax.sort((-negative.reshape(b, -1), column.reshape(b, -1)), num_keys=2)
    left = -negative[:, :, -1].max(1)  # of the last candidates of all groups, the smallest
    # The column of padding is beyond the row; its infinite value marks it as no neighbour.
    return low[:, :count], jnp.minimum(index[:, :count], n - 1), jnp.minimum(left, low[:, count - 1])
