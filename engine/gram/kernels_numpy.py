"""NumPy version of the inner products of kernel matrices, for comparisons too small to compile a program for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .kernels import Kernel, kernel_entries
from .prepared import Norms

# Entries of one kernel of one model that are computed at once, so that they stay in the cache.
CHUNK = 2**16
# Entries of one kernel of all models up to which NumPy takes less time than compiling.
MAX_ENTRIES = 2**24


def kernel_products_numpy(
    norms: Sequence[Norms],
    grams: Sequence[np.ndarray],
    rows: np.ndarray,
    kernels: Sequence[Kernel],
    sigmas: Sequence[np.ndarray] | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Compute what `kernel_products` does, with sums in float64.

    Args:
        norms: of m representations, NumPy arrays.
        grams: m Gram products [b, n] of the rows.
        rows: int32 [b], row indices; those >= n are padding and contribute nothing.
        kernels: see `kernel_products`.
        sigmas: m bandwidths, for ``rbf``.

    Returns:
        For each kernel the inner products [m, m] of the rows minus their means, and the means [m, b] of the n - 1
        off-diagonal entries.
    """
    m, (b, n) = len(grams), grams[0].shape
    size = max(1, min(b, CHUNK // n))
    widths = [None] * m if sigmas is None else list(sigmas)
    results = []
    for kernel in kernels:
        total, means = np.zeros((m, m)), np.zeros((m, b))
        for start in range(0, b, size):
            chunk = slice(start, min(start + size, b))
            parts = [
                _centred_rows(norm, gram[chunk], rows[chunk], kernel, sigma, mean[chunk])
                for norm, gram, sigma, mean in zip(norms, grams, widths, means, strict=True)
            ]
            centred = np.stack(parts).reshape(m, -1)
            total += centred @ centred.T
        results.append((total, means))
    return results


def _centred_rows(
    norms: Norms, gram: np.ndarray, rows: np.ndarray, kernel: Kernel, sigma: np.ndarray | None, mean: np.ndarray
) -> np.ndarray:
    """Compute rows [b, n] of a kernel matrix minus their means, which are written to ``mean`` [b]; diagonals are 0."""
    n = gram.shape[1]
    query, line = np.minimum(rows, n - 1), np.arange(len(rows))
    if norms.all_equal:  # equal entries minus their mean would be rounding errors
        return np.zeros_like(gram)
    entries = np.array(kernel_entries(norms, gram, query, kernel, sigma))
    entries[line, query] = 0
    mean[:] = np.where(rows < n, entries.sum(1) / (n - 1), 0)
    entries -= mean[:, None].astype(entries.dtype)
    entries[line, query] = 0
    entries[rows >= n] = 0
    return entries
