"""HSIC under permutations of the samples: all shifts along a cycle at once by Fourier transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import BLOCK_BYTES, HIGHEST, InputError, Threads, block_size, blocks, gaussian, root
from ..gram import Kernel, Prepared, Sums
from .draw import Permutations

# Diagonals of a kernel matrix that are taken at once, and rows of the products that they come from: of such a product
# of rows by (rows + diagonals) columns all but two triangles of rows is used.
DIAGONALS, ROWS = 512, 128
# Frequencies whose products are taken at once.
FREQUENCIES = 256
# Bytes of kernel matrices that are held where no cycle saves them.
HELD_BYTES = 2**32


def permuted_hsic(sums: Sums, products: np.ndarray, orders: np.ndarray, *, debiased: bool) -> np.ndarray:
    """HSIC of every pair, the second model's rows in other orders.

    Args:
        sums: of m kernels as they are.
        products: [K, m, m] as `permuted_products` gives them.
        orders: int [K, n].
        debiased: as in `Sums.hsic`, which this equals for the identity.

    Returns:
        [K, m, m] in float64, entry (p, a, b) with the rows of b permuted.
    """
    n = sums.means.shape[1]
    delta = sums.means - sums.means.mean(1, keepdims=True)

    def inner(rows: np.ndarray) -> np.ndarray:
        return np.stack([rows @ rows[:, order].T for order in orders])

    if debiased:
        # The products of rows less their means, and what the pass makes of them, in one.
        return (products - (n - 1) * (1 + n / (n - 2)) * inner(delta)) / (n * (n - 3))
    query = sums.diagonals - sums.means.mean(1, keepdims=True)
    rows = (n - 1) * delta + query
    total = rows.sum(1)
    return (products + inner(query) - 2 / n * inner(rows) + total[:, None] * total[None, :] / n**2) / n**2


def permuted_products(
    representations: Sequence[Prepared],
    kernel: Kernel,
    means: np.ndarray,
    permutations: Permutations,
    *,
    sigmas: Sequence[jax.Array] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Inner products of every pair of kernel matrices, the second one's rows and columns in other orders.

    Args:
        representations: m, of the same n samples.
        kernel: as in `hyle.engine._kernels.kernel_products`.
        means: [m], of the entries off the diagonal, which are taken off them.
        permutations: K of them.
        sigmas: m bandwidths, for the RBF kernel.
        progress: called with (done, in all).

    Returns:
        [K, m, m] in float64, entry (p, a, b) with the rows of b permuted, the diagonals left out.

    Along a cycle, C_ab[s] = sum_d sum_t A[t, t + d] B[t + s, t + d + s] is a correlation of diagonals, and comes for
    all n shifts s from their Fourier transforms: cost m n^2 (d + log n) + m^2 n^2, memory O(m D n) for D diagonals.
    Else each permutation gathers all kernels anew: cost m n^2 d + K m^2 n^2, memory O(m n^2).
    """
    widths = [jnp.ones((), representations[0].points.dtype)] * len(representations) if sigmas is None else list(sigmas)
    if permutations.cycle is None:
        return _gathered(representations, kernel, means, permutations, widths, progress)
    cycle = jnp.asarray(permutations.cycle)

    def diagonals(model: int, start: int, size: int) -> jax.Array:
        prepared = representations[model]
        return _diagonals(prepared, cycle, start, widths[model], float(means[model]), kernel=kernel, size=size)

    n = len(representations[0].points)
    return shifted_products(diagonals, len(representations), n, permutations, progress=progress)


def shifted_products(
    diagonals: Callable[[int, int, int], jax.Array],
    m: int,
    n: int,
    permutations: Permutations,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Inner products [K, m, m] of symmetric matrices, the second one shifted along the cycle.

    Args:
        diagonals: of (model, start, size) gives [size, n], entry (c, t) of the matrix at (t, t + start + c), modulo n,
            in the order of the cycle; what lies beyond n // 2 is not looked at.
        m: matrices.
        n: rows of each.
        permutations: along a cycle.
        progress: called with (done, in all).
    """
    assert permutations.shifts is not None
    half = n // 2
    size = max(1, min(DIAGONALS, half, BLOCK_BYTES // (4 * m * n)))
    total = np.zeros((n // 2 + 1, m, m), np.complex128)
    with Threads() as pool:
        for start in range(1, half + 1, size):
            place = np.arange(start, start + size)
            # With n even the last diagonal meets every pair twice.
            weight = np.where(place > half, 0, np.where(2 * place == n, 0.5, 1.0))

            def spectrum(model: int, start: int = start) -> jax.Array:
                return _spectrum(diagonals(model, start, size))

            parts = list(pool.map(spectrum, range(m)))
            total += _cross(parts, weight.astype(parts[0].real.dtype))
            if progress is not None:
                progress(min(half, start + size - 1), half)
    # Each diagonal stands for itself and its mirror image.
    return 2 * np.fft.irfft(total, n, axis=0)[permutations.shifts]


@partial(jax.jit, static_argnames=("kernel", "size"))
def _diagonals(
    prepared: Prepared, cycle: jax.Array, start: Any, sigma: jax.Array, mean: Any, *, kernel: Kernel, size: int
) -> jax.Array:
    """Diagonals [size, n] of a kernel matrix, less a mean, from bands of the Gram product."""
    n, norms = len(cycle), prepared.norms
    points, squares = prepared.points[cycle], norms.squares[cycle]

    def band(first: jax.Array) -> jax.Array:
        query = (first + jnp.arange(ROWS)) % n
        other = (first + start + jnp.arange(ROWS + size)) % n
        gram = jnp.matmul(points[query], points[other].T, precision=HIGHEST)
        found = _apply(kernel, gram, squares[query][:, None] + squares[other][None, :], sigma, norms.exponent)
        # Entry (r, r + c) to (r, c): rows one longer than they are.
        flat = jnp.pad(found.reshape(-1), (0, ROWS))
        return flat.reshape(ROWS, ROWS + size + 1)[:, :size]

    found = jax.lax.map(band, jnp.arange(0, n, ROWS)).reshape(-1, size)[:n].T
    return jnp.where(norms.all_equal, 0, found - jnp.asarray(mean, found.dtype))


def _apply(kernel: Kernel, gram: jax.Array, squares: jax.Array, sigma: jax.Array, exponent: jax.Array) -> jax.Array:
    if kernel == "linear":
        return gram
    far = jnp.maximum(squares - 2 * gram, 0)
    if kernel == "distance":
        return root(far)
    return gaussian(far, jnp.ldexp(jnp.asarray(sigma, far.dtype), -exponent))


@jax.jit
def _spectrum(diagonals: jax.Array) -> jax.Array:
    return jnp.fft.rfft(diagonals).T  # [frequencies, size]


def _cross(spectra: Sequence[jax.Array], weight: np.ndarray) -> np.ndarray:
    """Sum conj(A) B over diagonals, [frequencies, m, m] for every frequency and pair."""
    if jax.default_backend() != "cpu":
        return np.asarray(_cross_on_device(spectra, jnp.asarray(weight)))
    # Many small products: XLA's loops on a CPU take four times as long as a BLAS.
    parts = [np.asarray(one) for one in spectra]

    def inner(low: int) -> np.ndarray:
        both = np.stack([part[low : low + FREQUENCIES] for part in parts], 1)
        return (both.conj() * weight) @ both.swapaxes(1, 2)

    return np.concatenate([inner(low) for low in range(0, len(parts[0]), FREQUENCIES)])


@jax.jit
def _cross_on_device(spectra: Sequence[jax.Array], weight: jax.Array) -> jax.Array:
    both = jnp.stack(spectra, 1)  # [frequencies, m, size]
    real, imaginary = both.real, both.imag
    straight = jnp.concatenate([real, imaginary], 2)
    twice = jnp.concatenate([weight, weight])

    def inner(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.einsum("fac,fbc->fab", a, b, precision=HIGHEST)

    crossed = inner(real * weight, imaginary)
    return inner(straight * twice, straight) + 1j * (crossed - crossed.swapaxes(1, 2))


def _gathered(
    representations: Sequence[Prepared],
    kernel: Kernel,
    means: np.ndarray,
    permutations: Permutations,
    widths: Sequence[jax.Array],
    progress: Callable[[int, int], None] | None,
) -> np.ndarray:
    n, m = len(representations[0].points), len(representations)
    need = m * n * n * representations[0].points.dtype.itemsize
    if need > HELD_BYTES:
        raise InputError(
            f"permutations within groups hold the kernels of all models, here {need / 2**30:.0f} GiB, and at most "
            f"{HELD_BYTES / 2**30:.0f} are taken: use fewer samples or models, or no groups"
        )
    kernels = jnp.stack(
        [
            _whole(prepared, sigma, float(mean), kernel=kernel)
            for prepared, sigma, mean in zip(representations, widths, means, strict=True)
        ]
    )
    return permutations.map(partial(_permuted, kernels), progress)


@partial(jax.jit, static_argnames=("kernel",))
def _whole(prepared: Prepared, sigma: jax.Array, mean: Any, *, kernel: Kernel) -> jax.Array:
    squares, n = prepared.norms.squares, len(prepared.points)
    gram = jnp.matmul(prepared.points, prepared.points.T, precision=HIGHEST)
    found = _apply(kernel, gram, squares[:, None] + squares[None, :], sigma, prepared.norms.exponent)
    found = jnp.where(prepared.norms.all_equal, 0, found - jnp.asarray(mean, found.dtype))
    return jnp.where(jnp.eye(n, dtype=bool), 0, found)


@jax.jit
def _permuted(kernels: jax.Array, orders: jax.Array) -> jax.Array:
    m, n, _ = kernels.shape
    size = block_size(n, m * n)

    def one(order: jax.Array) -> jax.Array:
        def block(rows: jax.Array) -> jax.Array:
            keep = (rows < n)[None, :, None]
            query = jnp.minimum(rows, n - 1)
            mine = jnp.where(keep, kernels[:, query], 0).reshape(m, -1)
            other = kernels[:, order[query]][:, :, order].reshape(m, -1)
            return jnp.matmul(mine, other.T, precision=HIGHEST)

        return jax.lax.map(block, blocks(n, size)).sum(0)

    return jax.lax.map(one, orders)
