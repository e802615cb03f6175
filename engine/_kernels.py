"""Inner products of centred kernel matrices, all pairs at once, in blocks of rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, get_args

import jax
import jax.numpy as jnp

from ._rows import HIGHEST, block_size, blocks, centred, squared_distances

# Below this many pairs the median keeps all squared distances (256 MiB in float32) and reads them ten times; above, it
# computes them anew each time, a block of rows at once.
KEPT_DISTANCES = 2**26
CACHED = 2**16

Kernel = Literal["linear", "rbf"]


def check_kernel(kernel: str) -> None:
    """Raise unless this is a kernel."""
    if kernel not in get_args(Kernel):
        raise ValueError(f"unknown kernel {kernel!r}: use {' or '.join(get_args(Kernel))}")


@partial(jax.jit, static_argnames=("kernel", "debiased"))
def hsic(
    representations: Sequence[jax.Array],
    sigmas: Sequence[jax.Array] | None = None,
    *,
    kernel: Kernel = "linear",
    debiased: bool = True,
) -> jax.Array:
    """Hilbert-Schmidt independence criterion of every pair of representations.

    Args:
        representations: m matrices [n, d_m], floating.
        sigmas: m bandwidths of the RBF kernel, in the units of the rows; not for the linear kernel.
        kernel: ``linear`` or ``rbf``, exp(-d^2 / 2 sigma^2).
        debiased: the unbiased U-statistic of Song et al. (2012), eq. 5; else the biased tr(K H L H) / n^2.

    Returns:
        [m, m], symmetric. Linear kernels are those of rows divided by a power of two (see `centred`), which any ratio
        of entries is blind to.

    Each row block of each kernel has its own row means taken off before any product, which leaves no large terms to
    cancel: with row means u of K and v of L, and delta their deviations from the mean over rows,
    tr(K H L H) = <K - u, L - v> - n <delta u, delta v>, and for kernels without diagonal
    n (n - 3) HSIC = <K - u, L - v> - n (n - 1) / (n - 2) <delta u, delta v>.
    Block sums are added with compensation. Cost m n^2 d + m^2 n^2; memory O(m b n) for blocks of b rows.
    """
    points, exponents = zip(*(centred(x) for x in representations), strict=True)
    squares = [(x * x).sum(1) for x in points]
    n, m = len(points[0]), len(points)
    count = n - 1 if debiased else n

    def rows_of(model: int, own: jax.Array) -> jax.Array:
        x = points[model]
        if kernel == "linear":
            return jnp.matmul(x[own], x.T, precision=HIGHEST)
        assert sigmas is not None
        far = squared_distances(x[own], x, squares[model])
        self_pair = own[:, None] == jnp.arange(n)[None, :]
        sigma = jnp.ldexp(jnp.asarray(sigmas[model], x.dtype), -exponents[model])
        return jnp.exp(-jnp.where(self_pair, 0, far) / (2 * sigma**2))

    def step(carry: tuple[jax.Array, jax.Array], rows: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        own = jnp.minimum(rows, n - 1)
        keep = (rows < n)[:, None]
        if debiased:
            keep = keep & (own[:, None] != jnp.arange(n)[None, :])
        flat, means = [], []
        for model in range(m):
            values = jnp.where(keep, rows_of(model, own), 0)
            mean = values.sum(1) / count
            flat.append(jnp.where(keep, values - mean[:, None], 0))
            means.append(mean)
        stack = jnp.stack(flat)
        products = jnp.einsum("mbn,pbn->bmp", stack, stack, precision=HIGHEST).sum(0)
        total, lost = carry
        # Kahan: thousands of blocks in float32 would otherwise lose digits.
        term = products - lost
        new = total + term
        return (new, (new - total) - term), jnp.stack(means, 1)

    zero = jnp.zeros((m, m), jnp.result_type(*points))
    (total, _), means = jax.lax.scan(step, (zero, zero), blocks(n, block_size(n, m * n)))
    means = means.reshape(-1, m)[:n]
    delta = means - means.mean(0)
    spread = jnp.matmul(delta.T, delta, precision=HIGHEST)
    if debiased:
        return (total - n * (n - 1) / (n - 2) * spread) / (n * (n - 3))
    return (total - n * spread) / n**2


@jax.jit
def median_distance(x: jax.Array) -> jax.Array:
    """Median of the non-zero Euclidean distances between rows, the mean of the middle two for an even count.

    Exact, without keeping or sorting n^2 distances: the bits of a non-negative float order like an integer, so the
    order statistic is found four bits at a time by counting (above 65,535 rows its rank is right to 1e-7).
    Pairs nearer than rounding can tell, squared distance below 4 eps (|a|^2 + |b|^2), count as zero.
    Memory O(b n) for blocks of b rows beyond `KEPT_DISTANCES`; cost up to ten Gram products.
    """
    points, exponent = centred(x)
    n, dtype = len(points), points.dtype
    squares = (points * points).sum(1)
    eps = jnp.finfo(dtype).eps
    width = dtype.itemsize * 8
    integer = jnp.uint32 if width == 32 else jnp.uint64
    row_blocks = blocks(n, block_size(n, n))

    def measured(rows: jax.Array) -> jax.Array:
        own = jnp.minimum(rows, n - 1)
        far = squared_distances(points[own], points, squares)
        none = far <= 4 * eps * (squares[own][:, None] + squares[None, :])
        none |= (own[:, None] == jnp.arange(n)[None, :]) | (rows >= n)[:, None]
        return jnp.where(none, jnp.inf, far)

    # Blocks are what the passes below map over: numbers of rows, or the distances themselves where they are kept.
    kept = n * n <= KEPT_DISTANCES
    parts = jax.lax.map(measured, row_blocks) if kept else row_blocks

    def distances(part: jax.Array) -> jax.Array:
        return part if kept else measured(part)

    def count(thresholds: jax.Array) -> jax.Array:
        # A few rows at a time, so that they stay in the cache for all thresholds; counts below 2^24 are exact in
        # float32, whose sums XLA vectorises on the CPU.
        def of_row(far: jax.Array) -> jax.Array:
            bits = jax.lax.bitcast_convert_type(far, integer)
            return (bits[None] <= thresholds[:, None]).astype(jnp.float32).sum(1)

        def one(part: jax.Array) -> jax.Array:
            rows = jax.lax.map(of_row, distances(part), batch_size=max(1, CACHED // n))
            return rows.astype(jnp.uint32).sum(0)

        return jax.lax.map(one, parts).astype(jnp.uint32 if n < 2**16 else jnp.float32).sum(0)

    finite = jax.lax.bitcast_convert_type(jnp.finfo(dtype).max.astype(dtype), integer)
    half = count(finite[None])[0] // 2  # every pair is counted twice

    def refine(step: jax.Array, low: jax.Array) -> jax.Array:
        shift = (width - 4 * (step + 1)).astype(integer)
        edges = low + (jnp.arange(1, 17, dtype=integer) << shift) - 1
        return low + ((count(edges) < half).sum(dtype=integer) << shift)

    lower = jax.lax.fori_loop(0, width // 4, refine, jnp.zeros((), integer))

    def above(part: jax.Array) -> jax.Array:
        far = distances(part)
        return jnp.where(jax.lax.bitcast_convert_type(far, integer) > lower, far, jnp.inf).min()

    low = jax.lax.bitcast_convert_type(lower, dtype)
    next_up = jax.lax.map(above, parts).min()
    high = jnp.where(count(lower[None])[0] > half, low, next_up)
    return jnp.ldexp((jnp.sqrt(low) + jnp.sqrt(high)) / 2, exponent)
