"""A pass for linear kernels alone on a CPU, which computes one half of each Gram product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ..base import Checkpoint, Threads, aligned_empty
from ..gram import Prepared, multiply, stacked
from .collected import Collected
from .plan import PassPlan, PassResult
from .segments import Segments

# Number of jobs into which the inner products of one block are divided: the same sums with any number of cores.
TASKS = 8
# Entries of all models that are centred and multiplied at once, so that they stay in the cache.
CHUNK = 2**17


def run_linear_pass(
    representations: Sequence[Prepared],
    plan: PassPlan,
    block: int,
    *,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PassResult:
    """Compute the sums of the linear kernels of m models of n > 2 points in NumPy; see `run_pass`.

    Args:
        representations: m, of the same n samples, NumPy arrays.
        plan: of linear kernels, and nothing else.
        block: number of rows of a block at most.
        checkpoint: of this pass.
        progress: called with (rows done, total rows) after each block.

    Returns:
        The sums, in float64.

    The points are centred: with q their squared norms, the off-diagonal entries of row i of a kernel sum to -q_i. So
    each block computes only the entries after the diagonal, which count twice. They are centred in both directions
    (Szekely and Rizzo 2014, eq. 2.6: all rows and columns then sum to 0), K_ij + h_i + h_j with
    h_i = q_i / (n - 2) - sum(q) / (2 (n - 1) (n - 2)), before they are multiplied: the products are the unbiased HSIC
    without any large terms that cancel, and errors of h have no effect in first order. `Sums.products`, of which only
    the means of the rows are subtracted, are these plus n (n - 1) / (n - 2) times the products of the deviations of the
    means. BLAS divides large products among the cores, and threads the sums.

    Cost n^2 d / 2 for each model and n^2 / 2 for each pair; memory O(m b n).
    """
    n, m = len(representations[0].points), len(representations)
    checkpoint = checkpoint and checkpoint.of("linear", plan, block, *(prepared.rows for prepared in representations))
    norms, dtype = stacked([prepared.norms for prepared in representations]), representations[0].points.dtype
    squares = np.asarray(norms.squares, np.float64)
    with np.errstate(all="ignore"):  # rows that are not finite
        means = -squares / (n - 1)
        shift = ((squares - squares.sum(1, keepdims=True) / (2 * (n - 1))) / (n - 2)).astype(dtype)
        deviations = means - means.mean(1, keepdims=True)
    found = Collected(plan, m, n, dtype)
    saved = Segments(found, checkpoint)
    buffer = aligned_empty(m * block * (n - saved.rows), dtype)
    with Threads() as pool:
        for start in range(saved.rows, n, block):
            end = min(n, start + block)
            grams = buffer[: m * (end - start) * (n - start)].reshape(m, end - start, n - start)
            for prepared, gram in zip(representations, grams, strict=True):
                _half_gram(prepared, start, gram)
            job = partial(_products, grams, shift[:, start:], size=-(-(end - start) // TASKS))
            # Two for the two halves of a kernel.
            products = 2 * sum(pool.map(job, range(0, end - start, -(-(end - start) // TASKS))), np.zeros((m, m)))
            rows = deviations[:, start:end]
            found.add_kernel(0, start, products + n * (n - 1) / (n - 2) * (rows @ rows.T), means[:, start:end])
            saved.done(end)
            if progress is not None:
                progress(end, n)
    return found.result(norms, block)


@np.errstate(all="ignore")  # rows that are not finite
def _half_gram(prepared: Prepared, start: int, out: np.ndarray) -> None:
    """Compute the inner products [b, n - start] of b points from ``start`` on with those at and after the first."""
    end, n = start + len(out), len(prepared.points)
    if prepared.whole is not None:
        out[:] = prepared.whole[start:end, start:]
        return
    some = prepared.points[start:end]
    np.matmul(some, some.T, out=out[:, : len(out)])  # NumPy computes only one half of it
    if end < n:
        multiply(prepared.points, some, slice(end, n), out[:, len(out) :])


@np.errstate(all="ignore")
def _products(grams: np.ndarray, shift: np.ndarray, first: int, *, size: int) -> np.ndarray:
    """Compute the inner products of the centred entries after the diagonal in some rows of m kernels.

    Args:
        grams: [m, b, c], whose column i is that of row i.
        shift: [m, c], which is added to rows and columns.
        first: of the rows.
        size: number of rows at most.

    Returns:
        [m, m] in float64.
    """
    m, b, c = grams.shape
    total, count = np.zeros((m, m)), max(1, CHUNK // (m * c))
    last = min(b, first + size)
    buffer = np.empty(m * min(count, size) * c, grams.dtype)
    for start in range(first, last, count):
        end = min(last, start + count)
        part = buffer[: m * (end - start) * (c - start - 1)].reshape(m, end - start, c - start - 1)
        np.add(grams[:, start:end, start + 1 :], shift[:, start:end, None], out=part)
        part += shift[:, None, start + 1 :]
        for row in range(1, end - start):
            part[:, row, :row] = 0
        flat = part.reshape(m, -1)
        total += flat @ flat.T
    return total
