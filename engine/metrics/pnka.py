"""Pointwise normalised kernel alignment."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..base import HIGHEST, centred, namespace, on_host, pair, scalar, unit
from ..context import NULL, MetricContext
from ..permutation import Permutations, features_permute_cheaper, shifted_products
from ._metric import Metric, Result

# Rows of a Gram matrix from which diagonals are taken at once.
BAND = 256


def pnka(x: Any, y: Any, /, *, per_sample: bool = False) -> jax.Array:
    """Compute the mean cosine between the rows of the linear Gram matrices of two representations.

    ``mean_i cos(K_i, L_i)`` with K = X X^T and L = Y Y^T, where X and Y are x and y with centred columns. The cosine of
    sample i says whether it is similar to the same samples in both representations, and every sample counts alike. In
    linear CKA, the cosine of the whole matrices, the samples far from the mean count most.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 2.
        per_sample: return the cosine of each sample instead of their mean.

    Returns:
        Scalar in [-1, 1], 1 for x with itself; with ``per_sample`` the cosines [n]. The cosine of a sample at the mean
        of all samples, whose row is 0, counts as 0. For unrelated x and y the mean over all permutations is
        ``n / (n - 1) mean_i(K_ii / |K_i|) mean_i(L_ii / |L_i|)``. It is far from 0 if a representation has more columns
        than samples: compare with this level. NaN if an input is not finite or constant.

    Symmetric; invariant to rotation, translation, isotropic scaling and a common permutation of rows. Differentiable,
    except at a sample whose row is 0. Computed in float64 on a CPU outside of `jax.jit`, else in the dtype of the rows:
    in float32 the cosine of a sample in a direction with a thousandth of the largest standard deviation has an error of
    about 1e-3, in one with a hundredth of about 1e-5.
    Cost O(n d1 d2 + n d1^2 + n d2^2), memory O(n (d1 + d2) + d1 d2); inside of `jax.jit` with d1 or d2 > n,
    O(n^2 (d1 + d2)) and O(n^2).
    Source: Kolling et al. (2023), arXiv 2305.19294.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 2.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(pnka(x, 3 * x[:, ::-1])), 5), pnka(x, x, per_sample=True).shape
        (1.0, (50,))
    """
    a, b = pair(x, y, least=2, warn=True)
    first, second = on_host(a, b)
    xp = namespace(first, second)
    finite = xp.isfinite(first).all() & xp.isfinite(second).all()
    with np.errstate(all="ignore"):  # rows that are not finite
        if xp is np:
            first, second = (_few_columns(v) if finite else v for v in (first, second))
            sides = _prepared(first), _prepared(second)
            defined = finite & sides[0].lengths.any() & sides[1].lengths.any()
            cosines = _cosines(*sides)
        else:
            cosines, defined = _compiled(first, second)
            defined = defined & finite
        values = xp.where(defined, cosines, xp.nan)
    return scalar(values if per_sample else values.mean(), a.dtype)


class _Rows(NamedTuple):
    """A representation whose Gram matrix is compared row by row.

    Args:
        points: [n, d], with centred columns.
        directions: [n, d], the same rows scaled to unit length; a row of zeros stays zero.
        lengths: [n], the length of each row of the Gram matrix, divided by that of its point; 0 for a row of zeros.
    """

    points: Any
    directions: Any
    lengths: Any


def _few_columns(x: np.ndarray) -> np.ndarray:
    """Return rows with the same inner products after centring and at most as many columns as rows."""
    if x.shape[1] <= len(x):
        return x
    triangle: np.ndarray = np.linalg.qr(centred(x.astype(np.float64))[0].T).R
    return triangle.T


def _prepared(x: Any) -> _Rows:
    # In float32 rounding errors of directions of high variance matter for a sample in a direction of low variance.
    points, _ = centred(x.astype(np.float64) if isinstance(x, np.ndarray) else x)
    directions = unit(points)
    squares = _products(points, directions, points, directions)
    xp = namespace(squares)
    # The square root has no derivative at 0.
    return _Rows(points, directions, xp.where(squares > 0, xp.sqrt(xp.where(squares > 0, squares, 1)), 0))


def _products(x: Any, u: Any, y: Any, v: Any) -> Any:
    """Compute ``sum_j (u_i x_j) (y_j v_i)`` for each row i, [n], without a Gram matrix unless it is small."""
    times = np.matmul if namespace(x, y) is np else partial(jnp.matmul, precision=HIGHEST)
    if max(x.shape[1], y.shape[1]) <= len(x):
        return (times(u, times(x.T, y)) * v).sum(1)
    return (times(u, x.T) * times(v, y.T)).sum(1)


def _cosines(a: _Rows, b: _Rows) -> Any:
    """Compute the cosine between the rows of two Gram matrices, [n]; 0 where a row is 0."""
    xp = namespace(a.lengths, b.lengths)
    lengths = a.lengths * b.lengths
    products = _products(a.points, a.directions, b.points, b.directions)
    return xp.where(lengths > 0, products / xp.where(lengths > 0, lengths, 1), 0)


@jax.jit
def _compiled(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    a, b = _prepared(x), _prepared(y)
    return _cosines(a, b), (a.lengths > 0).any() & (b.lengths > 0).any()


def _models(context: MetricContext) -> list[_Rows]:
    """Return each model in float32 or wider; it takes as much memory as two copies of the representation."""

    def compute() -> list[_Rows]:
        found = []
        for x in map(np.asarray, context.arrays):
            rows = _prepared(_few_columns(x))
            found.append(_Rows(rows.points.astype(x.dtype), rows.directions.astype(x.dtype), rows.lengths))
        return found

    return context.cached("pnka", compute)


def _wide(rows: _Rows) -> _Rows:
    return _Rows(*(part.astype(np.float64) for part in rows))


def _shares(rows: _Rows) -> np.ndarray:
    """Return K_ii / |K_i| of each row of the Gram matrix, [n]; 0 where it is 0."""
    point = np.sqrt(np.einsum("ij,ij->i", rows.points, rows.points, dtype=np.float64))
    return np.divide(point, rows.lengths, out=np.zeros_like(point), where=rows.lengths > 0)


def _undefined(models: list[_Rows]) -> np.ndarray:
    none = np.array([not rows.lengths.any() for rows in models])
    return none[:, None] | none


def _evaluate(context: MetricContext) -> Result:
    models, value = _models(context), np.empty((context.m, context.m))
    for a in range(context.m):
        first = _wide(models[a])
        for b in range(a, context.m):
            value[a, b] = value[b, a] = _cosines(first, _wide(models[b])).mean()
    shares = np.array([_shares(rows).mean() for rows in models])
    chance = context.n / (context.n - 1) * np.outer(shares, shares)
    undefined = _undefined(models)
    attributes = {"estimator": "mean over samples", "centring": "columns"}
    return Result(np.where(undefined, np.nan, value), np.where(undefined, np.nan, chance), attributes)


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    models, cycles = _models(context), len(permutations.cycles)
    by_features = features_permute_cheaper(
        context.n, [rows.points.shape[1] for rows in models], len(permutations), cycles
    )
    compute = _permuted_features if by_features else _shifted
    return np.where(_undefined(models), np.nan, compute(context, models, permutations))


def _permuted_features(context: MetricContext, models: list[_Rows], permutations: Permutations) -> np.ndarray:
    """Compute the values under permutations, [K, m, m], in O(n d1 d2) each.

    With U and V the rows of X and Y divided by the lengths of their rows of K and L, the sum of the cosines is
    sum_ij K_ij L_ij / (|K_i| |L_i|) = <X^T Y, U^T V>.
    """
    scaled = []
    for rows in models:
        inverse = np.divide(1, rows.lengths, out=np.zeros_like(rows.lengths), where=rows.lengths > 0)
        scaled.append(rows.directions * inverse[:, None].astype(rows.directions.dtype))
    pairs, report = np.argwhere(context.in_order), context.stage_callback(NULL)
    values = np.empty((len(permutations), context.m, context.m))
    for done, (a, b) in enumerate(pairs, 1):
        x, u = models[a].points.T, scaled[a].T
        for number, order in enumerate(permutations.orders):
            products = x @ models[b].points[order], u @ scaled[b][order]
            total = np.einsum("ij,ij->", *products, dtype=np.float64) / context.n
            values[number, a, b] = values[number, b, a] = total
        report(done, len(pairs))
    return values


def _shifted(context: MetricContext, models: list[_Rows], permutations: Permutations) -> np.ndarray:
    """Compute the values under all shifts along cycles, [K, m, m], as inner products of matrices K_ij / |K_i|.

    These are not symmetric: the inner product is that of the symmetric parts plus that of the antisymmetric parts.
    """
    shares, report = [_shares(rows) for rows in models], context.stage_callback(NULL)
    points, weights = [], []
    for rows in models:
        length = np.sqrt(np.einsum("ij,ij->i", rows.points, rows.points, dtype=np.float64)) * rows.lengths
        points.append(rows.points)
        weights.append(np.divide(0.5, length, out=np.zeros_like(length), where=length > 0))
    total = np.zeros((len(permutations), context.m, context.m))
    for part, sign in enumerate((1, -1)):

        def diagonals(model: int, arrangement: np.ndarray, start: int, size: int, sign: int = sign) -> np.ndarray:
            other = arrangement[(np.arange(context.n) + (start + np.arange(size))[:, None]) % context.n]
            weight = weights[model][arrangement] + sign * weights[model][other]
            return _gram_diagonals(points[model][arrangement], start, size) * weight

        def progress(done: int, whole: int, part: int = part) -> None:
            report(part * whole + done, 2 * whole)

        total += shifted_products([diagonals], context.m, context.n, permutations, progress=progress)
    total += [[[first @ second[order] for second in shares] for first in shares] for order in permutations.orders]
    return context.symmetrise(total / context.n)


def _gram_diagonals(points: np.ndarray, start: int, size: int) -> np.ndarray:
    """Compute diagonals of the Gram matrix, [size, n]: entry (c, t) is the one at (t, t + start + c), modulo n."""
    n = len(points)
    found = np.empty((size, n))
    for low in range(0, n, BAND):
        query = np.arange(low, min(low + BAND, n))
        other = np.arange(low + start, low + start + len(query) + size) % n
        gram = points[query] @ points[other].T
        row, column = gram.strides
        found[:, query] = as_strided(gram, (len(query), size), (row + column, column)).T
    return found


METRICS = (
    Metric(
        name="pnka",
        long_name="PNKA",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=(),
        symmetric=True,
        bounds=(-1.0, 1.0),
        higher_is_better=True,
        chance="n / (n - 1) times the means of K_ii / norm(K_i) and of L_ii / norm(L_i), exactly",
        meaning="Is each sample similar to the same samples in both models? As CKA, but every sample has equal weight.",
        citation="Kolling et al. 2023, arXiv:2305.19294",
        queries="exact",
    ),
)
