"""HSIC under permutations of the samples, by Fourier transforms for all shifts along a cycle at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ..base import (
    BLOCK_BYTES,
    HIGHEST,
    InputError,
    Threads,
    block_size,
    blocks,
    gaussian,
    namespace,
    of_all,
    own_devices,
    own_share,
    root,
    several_processes,
)
from ..gram import MAX_ENTRIES, Kernel, Norms, Prepared, Sums
from .draw import Permutations

# Number of diagonals of a kernel matrix that are computed at once, and of rows of the Gram products that they are taken
# from. Such a product has ROWS x (ROWS + DIAGONALS) entries, all of which are used but two triangles of ROWS x ROWS.
DIAGONALS, ROWS = 512, 128
# Number of frequencies whose products are computed at once.
FREQUENCIES = 256
# Maximum bytes of the kernel matrices that permutations within groups keep in memory.
HELD_BYTES = 2**32


def permuted_hsic(sums: Sums, products: np.ndarray, orders: np.ndarray, *, debiased: bool) -> np.ndarray:
    """Compute the HSIC of every pair of models, with the samples of the second permuted.

    Args:
        sums: of m kernels, not permuted.
        products: [K, m, m], as returned by `permuted_products`.
        orders: int [K, n], see `Permutations`.
        debiased: as in `Sums.hsic`, to which the result is equal for the identity permutation.

    Returns:
        [K, m, m] in float64, entry (p, a, b) with the rows of b permuted.
    """
    n = sums.means.shape[1]
    delta = sums.means - sums.means.mean(1, keepdims=True)

    def inner(rows: np.ndarray) -> np.ndarray:
        return np.stack([rows @ rows[:, order].T for order in orders])

    if debiased:
        # Subtracting the row means from the products, and the correction of `Sums.hsic`, in one term.
        return (products - (n - 1) * (1 + n / (n - 2)) * inner(delta)) / (n * (n - 3))
    diagonals = sums.diagonals - sums.means.mean(1, keepdims=True)
    rows = (n - 1) * delta + diagonals
    total = rows.sum(1)
    return (products + inner(diagonals) - 2 / n * inner(rows) + total[:, None] * total[None, :] / n**2) / n**2


def permuted_products(
    representations: Sequence[Prepared],
    kernel: Kernel,
    means: np.ndarray,
    permutations: Permutations,
    *,
    sigmas: Sequence[Any] | None = None,
    mesh: Mesh | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Compute inner products of every pair of kernel matrices, with the rows and columns of the second permuted.

    Args:
        representations: m, of the same n samples.
        kernel: as in `hyle.engine.gram.kernel_products`.
        means: [m], means of the off-diagonal entries, which are subtracted from them.
        permutations: K permutations.
        sigmas: m bandwidths, for the RBF kernel.
        mesh: devices among which the diagonals or the permutations are divided, with those of other processes, which
            all call this and have the result; None for one device.
        progress: called with (done, total), in diagonals or permutations.

    Returns:
        [K, m, m] in float64, entry (p, a, b) with the rows of b permuted; diagonals are excluded.

    Raises:
        ValueError: permutations within groups need more than `HELD_BYTES`.

    Along a cycle, C_ab[s] = sum_d sum_t A[t, t + d] B[t + s, t + d + s] is a cross-correlation of diagonals, computed
    for all n shifts s by Fourier transforms: cost c (m n^2 (d + log n) + m^2 n^2) for c cycles, memory O(m D n) for D
    diagonals.
    Otherwise the kernels are permuted explicitly for each permutation: cost m n^2 d + K m^2 n^2, memory O(m n^2).
    """
    one = np.ones((), representations[0].points.dtype)
    widths: list[Any] = [one] * len(representations) if sigmas is None else list(sigmas)
    if not permutations.cycles:
        return _products_one_by_one(representations, kernel, means, permutations, widths, progress, mesh)

    inputs = [
        (None if each.whole is not None else _padded(each.points), each.norms, width)
        for each, width in zip(representations, widths, strict=True)
    ]

    def diagonals(placed: Any, device: Any, model: int, arrangement: np.ndarray, start: int, size: int) -> Any:
        (points, norms, width), mean = placed[model], float(means[model])
        if points is None:
            prepared = representations[model]
            return _diagonals_numpy(prepared, arrangement, start, width, mean, kernel=kernel, size=size)
        rows = jax.device_put(arrangement, device)
        gram = _gram_diagonals(points, rows, start, size=size)
        return _diagonals(norms, gram, rows, start, width, mean, kernel=kernel)

    n = len(representations[0].points)
    each_device = [
        partial(diagonals, inputs if device is None else jax.device_put(inputs, device), device)
        for device in own_devices(mesh)
    ]
    shared = several_processes(mesh)
    return shifted_products(each_device, len(representations), n, permutations, shared=shared, progress=progress)


def _padded(points: Any) -> jax.Array:
    """Append columns of zeros to points in NumPy up to a power of two, so that few programs are compiled."""
    if not isinstance(points, np.ndarray):
        return points
    width = max(64, 1 << (points.shape[1] - 1).bit_length())
    return jax.device_put(np.pad(points, ((0, 0), (0, width - points.shape[1]))))


def shifted_products(
    diagonals: Sequence[Callable[[int, np.ndarray, int, int], Any]],
    m: int,
    n: int,
    permutations: Permutations,
    *,
    shared: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Compute inner products of every pair of symmetric matrices, with the second shifted along cycles.

    Args:
        diagonals: for each device a function of (model, arrangement, start, size) that returns [size, n], entry (c, t)
            being that of the matrix at (t, t + start + c), modulo n, with its rows in the order of the arrangement
            int32 [n]; diagonals beyond n // 2 are ignored.
        m: number of matrices.
        n: number of rows of each.
        permutations: K permutations along cycles.
        shared: whether several processes divide the diagonals among them; all call this and have the result.
        progress: called with (diagonals done, total).

    Returns:
        [K, m, m] in float64, entry (p, a, b) with the rows of b permuted; diagonals are excluded.
    """
    assert permutations.cycles
    half, cycles = n // 2, permutations.cycles
    size = max(1, min(DIAGONALS, half, BLOCK_BYTES // (4 * m * n)))
    starts = own_share(range(1, half + 1, size)) if shared else list(range(1, half + 1, size))
    reports = itertools.count(1)

    def totals_of(at: int, pool: Threads) -> list[np.ndarray]:
        """Sum over every so many of the starts, on one device."""
        totals = [np.zeros((n // 2 + 1, m, m), np.complex128) for _ in cycles]
        for start in starts[at :: len(diagonals)]:
            index = np.arange(start, start + size)
            # If n is even, the last diagonal contains every pair twice.
            weight = np.where(index > half, 0, np.where(2 * index == n, 0.5, 1.0))

            def spectra(arrangement: np.ndarray, start: int = start) -> list[Any]:
                def of_model(model: int) -> Any:
                    return _spectrum(diagonals[at](model, arrangement, start, size))

                return list(pool.map(of_model, range(m)))

            first = spectra(cycles[0].first)
            for total, cycle in zip(totals, cycles, strict=True):
                second = first if cycle.second is cycle.first else spectra(cycle.second)
                total += _cross(first, second, weight.astype(np.zeros((), first[0].dtype).real.dtype))
            if progress is not None:
                progress(half * next(reports) // len(starts), half)
        return totals

    with Threads() as pool, Threads(len(diagonals)) as each_device:
        found = list(each_device.map(lambda at: totals_of(at, pool), range(len(diagonals))))
    totals = [np.sum(parts, 0) for parts in zip(*found, strict=True)]
    if shared:
        totals = [of_all(total).sum(0) for total in totals]
    # Each diagonal counts twice, for itself and its mirror image.
    return np.concatenate(
        [2 * np.fft.irfft(total, n, axis=0)[cycle.shifts] for total, cycle in zip(totals, cycles, strict=True)]
    )


# The only program of a permutation that is compiled for each width.
@partial(jax.jit, static_argnames=("size",))
def _gram_diagonals(points: jax.Array, arrangement: jax.Array, start: Any, *, size: int) -> jax.Array:
    """Compute diagonals [size, n] of the Gram product of arranged points, from bands of it."""
    n, points = len(arrangement), points[arrangement]

    def band(first: jax.Array) -> jax.Array:
        query = (first + jnp.arange(ROWS)) % n
        other = (first + start + jnp.arange(ROWS + size)) % n
        gram = jnp.matmul(points[query], points[other].T, precision=HIGHEST)
        # Entry (r, r + c) moves to (r, c): the entries are reshaped to rows that are longer by one.
        flat = jnp.pad(gram.reshape(-1), (0, ROWS))
        return flat.reshape(ROWS, ROWS + size + 1)[:, :size]

    return jax.lax.map(band, jnp.arange(0, n, ROWS)).reshape(-1, size)[:n].T


@partial(jax.jit, static_argnames=("kernel",))
def _diagonals(
    norms: Norms, gram: jax.Array, arrangement: jax.Array, start: Any, sigma: jax.Array, mean: Any, *, kernel: Kernel
) -> jax.Array:
    """Compute diagonals [size, n] of a kernel matrix, minus a mean, from those of the Gram product."""
    size, n = gram.shape
    other = arrangement[(jnp.arange(n) + (start + jnp.arange(size))[:, None]) % n]
    entries = _apply(kernel, gram, norms.squares[arrangement] + norms.squares[other], sigma, norms)
    return jnp.where(norms.all_equal, 0, entries - jnp.asarray(mean, entries.dtype))


def _diagonals_numpy(
    prepared: Prepared, arrangement: np.ndarray, start: int, sigma: Any, mean: float, *, kernel: Kernel, size: int
) -> np.ndarray:
    """Return what `_diagonals` does, from the Gram product of all points; NumPy version, which compiles nothing."""
    n, norms = len(arrangement), prepared.norms
    if norms.all_equal:
        return np.zeros((size, n), prepared.points.dtype)
    other = arrangement[(np.arange(n) + (start + np.arange(size))[:, None]) % n]
    both = norms.squares[arrangement] + norms.squares[other]
    entries = _apply(kernel, prepared.whole[arrangement, other], both, sigma, norms)
    return entries - np.asarray(mean, entries.dtype)


def _apply(kernel: Kernel, gram: Any, squares: Any, sigma: Any, norms: Norms) -> Any:
    if kernel == "linear":
        return gram
    xp = namespace(gram, squares)
    # Equal rows have distance 0, not the square root of a rounding error.
    equal = squares * (1 - norms.gram_rtol) - 2 * gram <= 0
    far = xp.where(equal, 0, squares - 2 * gram)
    if kernel == "distance":
        return root(far)
    return gaussian(far, xp.ldexp(xp.asarray(sigma, far.dtype), -norms.exponent))


def _spectrum(diagonals: Any) -> Any:
    if isinstance(diagonals, np.ndarray):
        return np.fft.rfft(np.ascontiguousarray(diagonals)).T  # [frequencies, size]
    return _compiled_spectrum(diagonals)


@jax.jit
def _compiled_spectrum(diagonals: jax.Array) -> jax.Array:
    return jnp.fft.rfft(diagonals).T


def _cross(first: Sequence[Any], second: Sequence[Any], weight: np.ndarray) -> np.ndarray:
    """Compute the sums of conj(A) B over diagonals, [frequencies, m, m], for every frequency and pair."""
    if jax.default_backend() != "cpu":
        return np.asarray(_cross_on_device(first, second, jnp.asarray(weight)))
    # Many small products, for which XLA on a CPU takes four times as long as BLAS.
    sides = [[np.asarray(spectrum) for spectrum in side] for side in (first, second)]

    def inner(low: int) -> np.ndarray:
        left, right = (np.stack([array[low : low + FREQUENCIES] for array in side], 1) for side in sides)
        return (left.conj() * weight) @ right.swapaxes(1, 2)

    return np.concatenate([inner(low) for low in range(0, len(sides[0][0]), FREQUENCIES)])


@jax.jit
def _cross_on_device(first: Sequence[jax.Array], second: Sequence[jax.Array], weight: jax.Array) -> jax.Array:
    left, right = jnp.stack(first, 1), jnp.stack(second, 1)  # [frequencies, m, size]

    def inner(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.einsum("fac,fbc->fab", a, b, precision=HIGHEST)

    real = inner(
        jnp.concatenate([left.real * weight, left.imag * weight], 2), jnp.concatenate([right.real, right.imag], 2)
    )
    return real + 1j * (inner(left.real * weight, right.imag) - inner(left.imag * weight, right.real))


def check_held_kernels(n: int, m: int, itemsize: int) -> None:
    """Check that the kernels of m models of n samples, with entries of so many bytes, can be kept for permutations.

    Raises:
        ValueError: they take more than `HELD_BYTES`.
    """
    need = m * n * n * itemsize
    if need > HELD_BYTES:
        raise InputError(
            f"permutations within groups keep the kernels of all models in memory, here {need / 2**30:.0f} GiB; "
            f"at most {HELD_BYTES / 2**30:.0f} GiB are allowed: use fewer samples or models, no groups, or linear CKA "
            "and neighbour metrics, which keep none"
        )


def _products_one_by_one(
    representations: Sequence[Prepared],
    kernel: Kernel,
    means: np.ndarray,
    permutations: Permutations,
    widths: Sequence[Any],
    progress: Callable[[int, int], None] | None,
    mesh: Mesh | None,
) -> np.ndarray:
    n, m, shared = len(representations[0].points), len(representations), several_processes(mesh)
    check_held_kernels(n, m, representations[0].points.dtype.itemsize)
    numpy = all(isinstance(prepared.points, np.ndarray) for prepared in representations)
    matrix_of: Callable[..., Any] = _kernel_matrix_numpy if numpy else _kernel_matrix
    kernels = (np if numpy else jnp).stack(
        [
            matrix_of(prepared, sigma, float(mean), kernel=kernel)
            for prepared, sigma, mean in zip(representations, widths, means, strict=True)
        ]
    )
    if numpy and m * n * n <= MAX_ENTRIES:
        return permutations.map(partial(_permuted_numpy, kernels), progress, shared=shared)
    on_devices = [partial(_permuted, jax.device_put(kernels, device)) for device in own_devices(mesh)]
    return permutations.map(on_devices, progress, shared=shared)


def _kernel_matrix_numpy(prepared: Prepared, sigma: Any, mean: float, kernel: Kernel) -> np.ndarray:
    """Return what `_kernel_matrix` does; NumPy version, which compiles nothing for the width."""
    squares, points = prepared.norms.squares, prepared.points
    if prepared.norms.all_equal:
        return np.zeros((len(points), len(points)), points.dtype)
    gram = prepared.gram(np.arange(len(points)))
    entries = _apply(kernel, gram, squares[:, None] + squares, sigma, prepared.norms)
    entries = entries - np.asarray(mean, entries.dtype)
    np.fill_diagonal(entries, 0)
    return entries


def _permuted_numpy(kernels: np.ndarray, orders: Any) -> np.ndarray:
    """Return what `_permuted` does; NumPy version, for few samples."""
    m = len(kernels)
    return np.stack(
        [kernels.reshape(m, -1) @ kernels[:, order[:, None], order].reshape(m, -1).T for order in np.asarray(orders)]
    )


@partial(jax.jit, static_argnames=("kernel",))
def _kernel_matrix(prepared: Prepared, sigma: jax.Array, mean: Any, *, kernel: Kernel) -> jax.Array:
    """Compute a kernel matrix [n, n] minus a mean, with a zero diagonal."""
    squares, n = prepared.norms.squares, len(prepared.points)
    gram = jnp.matmul(prepared.points, prepared.points.T, precision=HIGHEST)
    entries = _apply(kernel, gram, squares[:, None] + squares[None, :], sigma, prepared.norms)
    entries = jnp.where(prepared.norms.all_equal, 0, entries - jnp.asarray(mean, entries.dtype))
    return jnp.where(jnp.eye(n, dtype=bool), 0, entries)


@jax.jit
def _permuted(kernels: jax.Array, orders: jax.Array) -> jax.Array:
    """Compute the inner products [c, m, m] of kernels [m, n, n], with the second permuted by orders [c, n]."""
    m, n, _ = kernels.shape
    size = block_size(n, m * n)

    def of_order(order: jax.Array) -> jax.Array:
        def block(rows: jax.Array) -> jax.Array:
            keep = (rows < n)[None, :, None]
            query = jnp.minimum(rows, n - 1)
            first = jnp.where(keep, kernels[:, query], 0).reshape(m, -1)
            second = kernels[:, order[query]][:, :, order].reshape(m, -1)
            return jnp.matmul(first, second.T, precision=HIGHEST)

        return jax.lax.map(block, blocks(n, size)).sum(0)

    return jax.lax.map(of_order, orders)
